use checker_core::facts::whoami::Whoami;
use checker_core::{Context, Judgement, check};

check! {
    /// The logged-in user is a cluster administrator.
    ///
    /// ## What it looks at
    /// The role in `weka user whoami -J`.
    ///
    /// ## Why it matters
    /// Only a user with the role ClusterAdmin may upgrade. Other users also see
    /// less: an administrator of one organization gets answers about that
    /// organization only, so that a check run under such a user misleads.
    ///
    /// ## If ignored
    /// The upgrade is refused, and what this run found may be incomplete.
    ///
    /// ## How to fix
    /// `weka user login` as a user with the role ClusterAdmin (they belong to the
    /// first organization, Root), then check again. `weka user` lists the users
    /// and their roles.
    pub CLUSTER_ADMIN {
        id: "access/cluster-admin",
        scope: [Cluster],
        when: "all",
        levels: [Fail],
        sources: ["Upgrade guide: prerequisites, logged in as Cluster Admin", "rules C9", "public checker, wish 42"],
        needs: [&Whoami],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, whoami: &Whoami) -> Judgement {
    let mut who = whoami.user.clone().unwrap_or_else(|| "the user".to_owned());
    if let Some(organization) = &whoami.organization {
        who.push_str(&format!(" of organization {organization}"));
    }
    if whoami.is_cluster_admin() {
        return Judgement::pass(format!("{who} has the role {}", whoami.role));
    }
    Judgement::fail(
        format!("{who} has the role {}, not ClusterAdmin", whoami.role),
        "`weka user login` as a user with the role ClusterAdmin, then check again: a user with a lower role sees only a part of the cluster.",
    )
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::evidence::End;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::admin(r#"{"org_id":0,"org_name":"Root","username":"admin","source":"Internal","role":"ClusterAdmin"}"#, Outcome::Pass)]
    #[case::of_6_0(
        r#"{"tenant_id":0,"tenant_name":"Root","username":"admin","role":"Cluster Admin"}"#,
        Outcome::Pass
    )]
    #[case::ldap(
        r#"{"org_id":0,"org_name":"Root","username":"jo","source":"LDAP","role":"ClusterAdmin"}"#,
        Outcome::Pass
    )]
    // field history G24
    #[case::organization_admin(
        r#"{"org_id":1,"org_name":"team-a","username":"ann","role":"OrgAdmin"}"#,
        Outcome::Fail
    )]
    // Before 6.0 an OrgAdmin of Root could do more than others, but not this.
    #[case::organization_admin_of_root(
        r#"{"org_id":0,"org_name":"Root","username":"ann","role":"OrgAdmin"}"#,
        Outcome::Fail
    )]
    #[case::tenant_admin_of_6_0(
        r#"{"tenant_id":3,"tenant_name":"team-a","username":"ann","role":"TenantAdmin"}"#,
        Outcome::Fail
    )]
    #[case::read_only(r#"{"username":"ann","role":"ReadOnly"}"#, Outcome::Fail)]
    #[case::no_role(r#"{"username":"admin"}"#, Outcome::Unknown)]
    #[case::null_role(r#"{"username":"admin","role":null}"#, Outcome::Unknown)]
    #[case::half(r#"{"username":"admin","role":"Cluster"#, Outcome::Unknown)]
    #[case::empty("", Outcome::Unknown)]
    #[case::empty_object("{}", Outcome::Unknown)]
    #[case::empty_list("[]", Outcome::Unknown)]
    fn judges(#[case] answer: &str, #[case] outcome: Outcome) {
        let result = Evidence::new()
            .weka("weka:whoami", answer)
            .judge_one(&CLUSTER_ADMIN, "4.4.33");
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn says_who() {
        let answer = r#"{"org_id":1,"org_name":"team-a","username":"ann","role":"OrgAdmin"}"#;
        let result = Evidence::new()
            .weka("weka:whoami", answer)
            .judge_one(&CLUSTER_ADMIN, "4.4.33");
        assert_eq!(
            result.summary,
            "ann of organization team-a has the role OrgAdmin, not ClusterAdmin"
        );
    }

    #[rstest]
    #[case::not_logged_in(End::Exited(41))]
    #[case::failed(End::Exited(1))]
    #[case::timed_out(End::TimedOut)]
    fn no_answer_is_unknown(#[case] end: End) {
        let evidence = Evidence::new().weka_ended("weka:whoami", end, "", "error");
        let result = evidence.judge_one(&CLUSTER_ADMIN, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }
}
