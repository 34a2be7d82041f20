use checker_core::facts::tls::{Certificate, Certificates};
use checker_core::{Applies, Context, Judgement, Outcome, UpgradePath, Version, check};
use jiff::SignedDuration;

check! {
    /// The cluster's certificate has a strong key and does not expire soon.
    ///
    /// ## What it looks at
    /// `/opt/weka/data/CONTAINER/tls/certificate.pem` of every container on each
    /// backend, read by `openssl`: the kind and length of its key, and when it
    /// expires. The private key is not touched.
    ///
    /// ## Why it matters
    /// The OpenSSL of newer releases refuses RSA keys under 2048 bits. ECDSA and
    /// Ed25519 keys are shorter by nature, and fine.
    ///
    /// ## If ignored
    /// The upgraded containers do not talk to each other or to the CLI. An
    /// expired certificate does the same a little later.
    ///
    /// ## How to fix
    /// Set a new certificate with `weka security tls set --private-key KEY
    /// --certificate CERT` and look at `weka security tls status`.
    pub TLS_KEY {
        id: "config/tls-key",
        scope: [Backend],
        when: "src >= 4.2.7",
        applies: applies,
        levels: [Warn, Fail],
        sources: ["public checker, check 11", "rules N8"],
        needs: [&Certificates],
        judge: judge,
    }
}

const FIRST: Version = Version::new(4, 2, 7, 0);
const SHORTEST: u64 = 2048;
const DAYS: i64 = 30;

fn applies(path: &UpgradePath) -> Applies {
    if path.from >= FIRST {
        Applies::Yes
    } else {
        Applies::No(format!(
            "releases before 4.2.7 keep no certificate there; this is {}",
            path.from
        ))
    }
}

/// What is to be said of one certificate.
fn look(certificate: &Certificate, now: jiff::Timestamp) -> (Outcome, String) {
    let key = match certificate.bits {
        Some(bits) => format!("{} key of {bits} bits", certificate.algorithm),
        None => format!("{} key", certificate.algorithm),
    };
    let date = certificate.not_after;
    if certificate.is_rsa() {
        match certificate.bits {
            Some(bits) if bits < SHORTEST => return (Outcome::Fail, key),
            Some(_) => {}
            None => return (Outcome::Unknown, format!("{key} of unknown length")),
        }
    }
    let left = date.duration_since(now);
    if left < SignedDuration::ZERO {
        (Outcome::Warn, format!("{key}, expired at {date}"))
    } else if left <= SignedDuration::from_hours(24 * DAYS) {
        (Outcome::Warn, format!("{key}, expires at {date}"))
    } else {
        (Outcome::Pass, format!("{key}, valid until {date}"))
    }
}

fn judge(context: &Context<'_>, certificates: &Certificates) -> Judgement {
    const NEW: &str = "Set a new certificate with `weka security tls set --private-key KEY --certificate CERT`, and look at `weka security tls status`.";
    if certificates.files.is_empty() {
        return Judgement::warn("no container here has a certificate", NEW);
    }
    let looked: Vec<(Outcome, String)> = certificates
        .files
        .iter()
        .map(|(path, certificate)| {
            let (outcome, words) = match certificate {
                Ok(certificate) => look(certificate, context.now),
                Err(why) => (Outcome::Unknown, why.clone()),
            };
            (outcome, format!("{path}: {words}"))
        })
        .collect();
    let of = |outcome: Outcome| {
        looked
            .iter()
            .filter(move |(o, _)| *o == outcome)
            .map(|(_, line)| line.as_str())
    };
    if let Some(first) = of(Outcome::Fail).next() {
        return Judgement::fail(format!("an RSA key under {SHORTEST} bits: {first}"), NEW)
            .details(of(Outcome::Fail).chain(of(Outcome::Warn)));
    }
    // What could not be read may be red, so it hides yellow.
    if let Some(first) = of(Outcome::Unknown).next() {
        return Judgement::unknown(first).details(of(Outcome::Unknown).chain(of(Outcome::Warn)));
    }
    if let Some(first) = of(Outcome::Warn).next() {
        return Judgement::warn(
            format!("a certificate expires within {DAYS} days: {first}"),
            NEW,
        )
        .details(of(Outcome::Warn));
    }
    Judgement::pass(of(Outcome::Pass).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use checker_core::evidence::End;
    use checker_core::server::Role;
    use checker_core::testkit::Evidence;
    use rstest::rstest;

    use super::*;

    const KEY: &str = "host:tls";

    fn certificate(name: &str, algorithm: &str, key: &str, date: &str) -> String {
        format!(
            "certificate /opt/weka/data/{name}/tls/certificate.pem\nNot After : {date}\nPublic Key Algorithm: {algorithm}\n{key}\n"
        )
    }

    fn judged(release: &str, answer: &str) -> checker_core::report::CheckResult {
        // Judged on 2026-07-20 at 02:00.
        Evidence::running(release)
            .backend("weka-01", &[(KEY, answer)])
            .judge_one(&TLS_KEY, "4.4.33")
    }

    // field history 45
    #[rstest]
    #[case::rsa_2048("rsaEncryption", "Public-Key: (2048 bit)", Outcome::Pass)]
    #[case::rsa_2047("rsaEncryption", "Public-Key: (2047 bit)", Outcome::Fail)]
    #[case::rsa_4096("rsaEncryption", "RSA Public-Key: (4096 bit, 2 primes)", Outcome::Pass)]
    #[case::rsa_1024("rsaEncryption", "RSA Public-Key: (1024 bit)", Outcome::Fail)]
    #[case::rsa_pss("rsassaPss", "Public-Key: (1024 bit)", Outcome::Fail)]
    #[case::ecdsa_256("id-ecPublicKey", "Public-Key: (256 bit)", Outcome::Pass)]
    #[case::ed25519("ED25519", "ED25519 Public-Key:", Outcome::Pass)]
    #[case::rsa_without_length("rsaEncryption", "Public-Key:", Outcome::Unknown)]
    fn keys(#[case] algorithm: &str, #[case] key: &str, #[case] outcome: Outcome) {
        let result = judged(
            "4.4.21.2",
            &certificate("drives0", algorithm, key, "Jul 20 02:00:00 2027 GMT"),
        );
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[rstest]
    #[case::in_thirty_days("Aug 19 02:00:00 2026 GMT", Outcome::Warn)]
    #[case::a_second_later("Aug 19 02:00:01 2026 GMT", Outcome::Pass)]
    #[case::tomorrow("Jul 21 02:00:00 2026 GMT", Outcome::Warn)]
    #[case::expired("Jul 20 01:59:59 2026 GMT", Outcome::Warn)]
    #[case::one_digit("Mar  5 12:39:51 2027 GMT", Outcome::Pass)]
    #[case::unreadable("some day", Outcome::Unknown)]
    fn expiry(#[case] date: &str, #[case] outcome: Outcome) {
        let result = judged(
            "4.4.21.2",
            &certificate("drives0", "rsaEncryption", "Public-Key: (2048 bit)", date),
        );
        assert_eq!(result.outcome, outcome, "{result:?}");
    }

    #[test]
    fn no_certificate_is_yellow() {
        assert_eq!(judged("4.4.21.2", "").outcome, Outcome::Warn);
    }

    #[test]
    fn the_worst_of_several_counts() {
        let far = "Jul 20 02:00:00 2027 GMT";
        let good = certificate("drives0", "rsaEncryption", "Public-Key: (2048 bit)", far);
        let bad = certificate("compute0", "rsaEncryption", "Public-Key: (1024 bit)", far);
        let broken = "certificate /opt/weka/data/frontend0/tls/certificate.pem\nfailed\n";
        let late = certificate(
            "frontend1",
            "ED25519",
            "ED25519 Public-Key:",
            "Jul 21 02:00:00 2026 GMT",
        );
        let outcome = |parts: &[&str]| judged("4.4.21.2", &parts.concat()).outcome;
        assert_eq!(outcome(&[&good, &late]), Outcome::Warn);
        assert_eq!(outcome(&[&good, broken, &late]), Outcome::Unknown);
        assert_eq!(outcome(&[&good, broken, &late, &bad]), Outcome::Fail);
    }

    // field history 104
    #[rstest]
    #[case("4.2.6.90", Outcome::Skipped)]
    #[case("4.2.7", Outcome::Warn)]
    #[case("4.2.7.64-abc", Outcome::Warn)]
    fn window(#[case] release: &str, #[case] outcome: Outcome) {
        assert_eq!(judged(release, "").outcome, outcome);
    }

    #[test]
    fn a_server_without_openssl_is_unknown_and_says_so() {
        let base = Evidence::running("4.4.21.2");
        let record = base.record(KEY, End::Exited(3), "", "openssl is not installed\n");
        let result = base
            .server_answered("weka-01", Role::Backend, vec![record])
            .judge_one(&TLS_KEY, "4.4.33");
        assert_eq!(result.outcome, Outcome::Unknown);
        assert_eq!(
            result.summary,
            "`host:tls` on weka-01: exit status 3: openssl is not installed"
        );
    }

    #[test]
    fn damaged_answers_are_unknown() {
        let base = Evidence::running("4.4.21.2");
        for (end, answer) in [
            (End::TimedOut, ""),
            (End::Lost, ""),
            (End::Exited(0), "Welcome\n"),
        ] {
            let record = base.record(KEY, end, answer, "");
            let result = base
                .clone()
                .server_answered("weka-01", Role::Backend, vec![record])
                .judge_one(&TLS_KEY, "4.4.33");
            assert_eq!(result.outcome, Outcome::Unknown, "{result:?}");
        }
    }
}
