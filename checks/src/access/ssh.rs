use checker_core::facts::This;
use checker_core::facts::reach::Reached;
use checker_core::server::{Reach, ReachError, Role, Server, Step, Transport};
use checker_core::{Context, Judgement, check};

check! {
    /// The server can be reached without a question being asked.
    ///
    /// ## What it looks at
    /// The one SSH session of this run to the server: whether its name has an
    /// address, the port answers, the host key is the known one, a key of ours
    /// is accepted, `sudo -n` works where the user is not root, a shell starts,
    /// and the script came to its end in time.
    ///
    /// ## Why it matters
    /// The upgrade needs root's way to all backends without a password. A
    /// server that can't be reached can't be checked either. On a client it
    /// is only the checks of that client that are missing.
    ///
    /// ## If ignored
    /// Nothing that this tool says about the server is known, and a server that
    /// is cut off stops the upgrade when it is its turn.
    ///
    /// ## How to fix
    /// By the step that failed: `getent hosts NAME` for the name, `systemctl start sshd`
    /// for a refused connection, `ssh-keygen -R ADDRESS` for the key of a server
    /// that was really installed anew, `ssh-copy-id ADDRESS` for a login that is
    /// refused, a line in `/etc/sudoers.d` for sudo, `--timeout SECONDS` for a slow server.
    pub SSH {
        id: "access/ssh",
        scope: [Backend, Client],
        when: "all",
        levels: [Warn, Fail],
        sources: ["Upgrade guide: passwordless SSH between the backends", "rules I27", "public checker: ssh check"],
        needs: [This<'_>, &Reached],
        judge: judge,
    }
}

fn judge(_: &Context<'_>, This(server): This<'_>, reached: &Reached) -> Judgement {
    let Reach {
        transport,
        error,
        ms,
    } = &reached.reach;
    let Some(error) = error else {
        return match transport {
            Some(Transport::Local) => Judgement::pass("this machine: no SSH needed"),
            Some(transport) => {
                Judgement::pass(format!("reached over {} in {ms} ms", transport.as_str()))
            }
            None => Judgement::unknown("whether it was reached was not recorded"),
        };
    };
    if matches!(error.step, Step::Interrupted | Step::NotInBundle) {
        return Judgement::unknown(format!("not reached: {error}"));
    }
    let summary = if transport.is_some() {
        format!("reached, then lost after {ms} ms: {error}")
    } else {
        format!("not reached: {error}")
    };
    let remedy = remedy(server, &reached.address, error);
    match server.role {
        Role::Backend => Judgement::fail(summary, remedy),
        Role::Client => Judgement::warn(summary, remedy),
    }
}

fn remedy(server: &Server, address: &str, error: &ReachError) -> String {
    let name = &server.name;
    // Both come from the cluster, and the operator may paste this line.
    let to = shell_words::quote(address);
    let host = shell_words::quote(&server.hostname);
    match error.step {
        Step::Dns => format!(
            "`getent hosts {host}` must print an address: enter {name} in DNS or /etc/hosts, or give it a HostName in ~/.ssh/config."
        ),
        Step::Refused => format!(
            "On {name}: `systemctl start sshd` (Debian and Ubuntu: `systemctl start ssh`). If SSH listens on another port: `--ssh-port PORT`."
        ),
        Step::NoRoute => format!(
            "`ip route get {to}` shows which way is missing; check that {name} is up and its network is reachable from here."
        ),
        Step::Timeout => format!(
            "Check that {name} is up and that no firewall drops the connection: `ssh -o ConnectTimeout=5 {to} true`. A slow one needs a longer `--timeout SECONDS`."
        ),
        Step::HostKey => format!(
            "If {name} was installed anew, compare its key on its console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then `ssh-keygen -R {to}` and `ssh {to} true`. If it was not, somebody else may be answering: do not go on."
        ),
        Step::Authentication => format!(
            "`ssh-copy-id {to}` brings our key there; or name another key (`--identity FILE`) or user (`--ssh-user USER`). `ssh -o BatchMode=yes {to} true` must succeed."
        ),
        Step::Sudo => format!(
            "On {name}, with `visudo -f /etc/sudoers.d/weka-checker`, add the line `USER ALL=(root) NOPASSWD: ALL` for the user that logs in; or log in as root: `--ssh-user root`. `ssh {to} sudo -n true` must succeed."
        ),
        Step::Shell => format!(
            "`ssh {to} 'sh -c \"echo ok\"'` must print ok: give the user a login shell (`chsh -s /bin/sh USER`) and look for commands in its profile that end or replace the shell."
        ),
        Step::Protocol => format!(
            "`ssh -v {to} true` shows what answers there. Cut connections can come from MaxStartups in its sshd_config when many sessions begin at once: `--parallel 8`."
        ),
        Step::Deadline => format!(
            "Give it more time with `--timeout SECONDS`; if it still does not answer, look at its load and its disks: `ssh {to} uptime`."
        ),
        Step::Local => format!(
            "The fault is on this machine, not on {name}: mend what is named above, then try `ssh {to} true`."
        ),
        Step::Interrupted | Step::NotInBundle => "Run the check again.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use checker_core::Outcome;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    fn reach(transport: Option<Transport>, error: Option<Step>) -> Reach {
        Reach {
            transport,
            error: error.map(|step| ReachError {
                step,
                detail: "what was seen".to_owned(),
            }),
            ms: 42,
        }
    }

    #[rstest]
    #[case::ssh(Transport::Ssh, "reached over ssh in 42 ms")]
    #[case::system_ssh(Transport::SystemSsh, "reached over system-ssh in 42 ms")]
    #[case::local(Transport::Local, "this machine: no SSH needed")]
    fn reached(#[case] transport: Transport, #[case] summary: &str) {
        let reach = reach(Some(transport), None);
        let evidence = Evidence::new().server_reached("weka-02", Role::Backend, reach, vec![]);
        let result = evidence.judge_one(&SSH, "4.4.33");
        assert_eq!(
            (result.outcome, result.summary.as_str()),
            (Outcome::Pass, summary)
        );
    }

    // field history G26
    /// Every step has a remedy of its own.
    #[rstest]
    #[case(Step::Dns, "`getent hosts weka-02`")]
    #[case(Step::Refused, "`systemctl start sshd`")]
    #[case(Step::NoRoute, "`ip route get 10.0.0.2`")]
    #[case(Step::Timeout, "firewall")]
    #[case(Step::HostKey, "`ssh-keygen -R 10.0.0.2`")]
    #[case(Step::Authentication, "`ssh-copy-id 10.0.0.2`")]
    #[case(Step::Sudo, "NOPASSWD")]
    #[case(Step::Shell, "login shell")]
    #[case(Step::Protocol, "`ssh -v 10.0.0.2 true`")]
    #[case(Step::Deadline, "`--timeout SECONDS`")]
    #[case(Step::Local, "on this machine")]
    fn not_reached(#[case] step: Step, #[case] remedy: &str) {
        let evidence = Evidence::new()
            .unreached("weka-02", Role::Backend, step, "what was seen")
            .unreached("client-9", Role::Client, step, "what was seen");
        let results = evidence.judge(&SSH, "4.4.33");
        assert_eq!(results[0].outcome, Outcome::Fail);
        assert_eq!(results[1].outcome, Outcome::Warn);
        let text = results[0].remedy.as_deref().unwrap_or_default();
        assert!(text.contains(remedy), "{text}");
        assert_eq!(
            results[0].summary,
            format!("not reached: {step}: what was seen")
        );
    }

    // field history G9
    #[test]
    fn lost_in_the_middle_is_not_reached() {
        let reach = reach(Some(Transport::Ssh), Some(Step::Protocol));
        let evidence = Evidence::new().server_reached("weka-02", Role::Backend, reach, vec![]);
        let result = evidence.judge_one(&SSH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(
            result.summary,
            "reached, then lost after 42 ms: protocol: what was seen"
        );
    }

    #[rstest]
    #[case(Step::Interrupted)]
    #[case(Step::NotInBundle)]
    fn what_was_not_tried_is_unknown(#[case] step: Step) {
        let evidence = Evidence::new().unreached("weka-02", Role::Backend, step, "");
        let result = evidence.judge_one(&SSH, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
    }

    /// field history 105: names are pasted into a shell
    #[test]
    fn a_hostile_name_is_quoted() {
        let server = Server {
            name: "a".to_owned(),
            hostname: "$(reboot)".to_owned(),
            address: "$(reboot)".to_owned(),
            addresses: Vec::new(),
            role: Role::Backend,
        };
        let error = ReachError {
            step: Step::Dns,
            detail: String::new(),
        };
        let text = remedy(&server, &server.address, &error);
        assert!(text.contains("`getent hosts '$(reboot)'`"), "{text}");
    }
}
