//! The CLI user, and what keeps the tool from a server.

use checker_core::server::Step;

use super::{Item, fault};
use crate::model::{Cluster, Login, Organization, Reachability, User};

pub(super) const ITEMS: &[Item] = &[
    fault(
        "not-logged-in",
        "Nobody is logged in: exit status 41",
        |c| {
            c.login = Login::Refused("Authentication required, run `weka user login`".to_owned());
        },
    ),
    fault(
        "login-required",
        "The login has run out: exit status 41",
        |c| {
            c.login = Login::Refused("Login required: the token has expired".to_owned());
        },
    ),
    fault(
        "login-locked",
        "Too many wrong passwords: exit status 41",
        |c| {
            c.login = Login::Refused("The user is locked out, try again later".to_owned());
        },
    ),
    fault(
        "no-weka",
        "There is no weka program on the server that the tool stands on",
        |c| {
            c.login = Login::NoProgram;
        },
    ),
    fault(
        "local-container-down",
        "The containers of the first backend stand still: its weka reaches no cluster",
        |c| {
            c.login = Login::NoContainer;
            for container in &mut c.backend_mut(0).containers {
                container.local.running = false;
                container.status = "DOWN".to_owned();
            }
        },
    ),
    fault("org-admin", "The CLI user is only OrgAdmin", |c| {
        c.organizations.push(Organization {
            id: 1,
            name: "team-a".to_owned(),
        });
        log_in(c, "team-admin", "OrgAdmin", 1);
    }),
    fault("read-only-user", "The CLI user is only ReadOnly", |c| {
        log_in(c, "reader", "ReadOnly", 0);
    }),
    fault(
        "unreachable-server",
        "One backend refuses, another lets the connection time out",
        |c| {
            fails(
                c,
                1,
                Step::Refused,
                "connect to port 22: Connection refused",
                2,
            );
            fails(
                c,
                3,
                Step::Timeout,
                "connect to port 22: nothing answered within 10 s",
                10_000,
            );
        },
    ),
    fault(
        "refusing-server",
        "The second backend refuses the connection",
        |c| {
            fails(
                c,
                1,
                Step::Refused,
                "connect to port 22: Connection refused",
                2,
            );
        },
    ),
    fault(
        "server-timeout",
        "The second backend lets the connection time out",
        |c| {
            fails(
                c,
                1,
                Step::Timeout,
                "connect to port 22: nothing answered within 10 s",
                10_000,
            );
        },
    ),
    fault("no-route", "No way leads to the second backend", |c| {
        fails(
            c,
            1,
            Step::NoRoute,
            "connect to port 22: No route to host",
            3_040,
        );
    }),
    fault(
        "unknown-name",
        "The second backend's name has no address",
        |c| {
            fails(c, 1, Step::Dns, "Name or service not known", 12);
        },
    ),
    fault(
        "silent-server",
        "The second backend accepts and then says nothing",
        |c| {
            fails(c, 1, Step::Deadline, "it did not answer in time", 30_000);
        },
    ),
    fault(
        "host-key-changed",
        "The second backend has another host key",
        |c| {
            fails(
                c,
                1,
                Step::HostKey,
                "the host key is not the one in known_hosts",
                31,
            );
        },
    ),
    fault(
        "no-authentication",
        "The second backend accepts none of the keys",
        |c| {
            fails(
                c,
                1,
                Step::Authentication,
                "none of the keys was accepted",
                120,
            );
        },
    ),
    fault(
        "sudo-password",
        "sudo wants a password on the second backend",
        |c| {
            fails(c, 1, Step::Sudo, "sudo: a password is required", 140);
        },
    ),
    fault(
        "no-shell",
        "The second backend's login shell is no shell",
        |c| {
            fails(c, 1, Step::Shell, "no POSIX shell answered", 95);
        },
    ),
    fault(
        "no-ssh",
        "What listens on the second backend is no SSH",
        |c| {
            fails(c, 1, Step::Protocol, "the banner is no SSH banner", 14);
        },
    ),
    fault(
        "dies-in-script",
        "The second backend dies in the middle of the script",
        |c| {
            c.backend_mut(1).reach = Reachability::DiesAfter { probes: 2 };
        },
    ),
    fault(
        "unreachable-client",
        "The first client refuses the connection",
        |c| {
            if let Some(client) = c.servers.iter_mut().find(|s| !s.is_backend()) {
                client.reach = Reachability::Fails {
                    step: Step::Refused,
                    detail: "connect to port 22: Connection refused".to_owned(),
                    ms: 2,
                };
            }
        },
    ),
];

fn log_in(cluster: &mut Cluster, name: &str, role: &str, org: u64) {
    cluster.users.retain(|u| u.name != name);
    cluster.users.push(User {
        name: name.to_owned(),
        role: role.to_owned(),
        source: "Internal".to_owned(),
        org,
    });
    cluster.login = Login::As(name.to_owned());
}

fn fails(cluster: &mut Cluster, backend: usize, step: Step, detail: &str, ms: u64) {
    cluster.backend_mut(backend).reach = Reachability::Fails {
        step,
        detail: detail.to_owned(),
        ms,
    };
}
