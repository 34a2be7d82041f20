//! `user`, `org`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command};
use super::dialect::Dialect;
use crate::model::{Login, User, uuid};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("user whoami", whoami),
    Command::new("user", list),
    Command::new("org", organizations),
    Command::new("tenant", organizations).known(Dialect::tenants),
];

/// The user that the CLI is.
pub(super) fn current<'a>(call: &Call<'a>) -> Option<&'a User> {
    match &call.cluster.login {
        Login::As(name) => call.cluster.users.iter().find(|u| u.name == *name),
        _ => None,
    }
}

fn whoami(call: &Call<'_>) -> Answer {
    match current(call) {
        Some(user) => Answer::Json(row(call, user)),
        None => Answer::Failed(1, "error: no such user".to_owned()),
    }
}

fn list(call: &Call<'_>) -> Answer {
    Answer::Json(call.cluster.users.iter().map(|u| row(call, u)).collect())
}

fn row(call: &Call<'_>, user: &User) -> Value {
    let cluster = call.cluster;
    let org = cluster.organizations.iter().find(|o| o.id == user.org);
    let role = match user.role.as_str() {
        "OrgAdmin" if call.dialect.tenants() => "TenantAdmin",
        role => role,
    };
    let name = org.map_or("Root", |o| o.name.as_str());
    let at = cluster.users.iter().position(|u| u.name == user.name);
    json!({"username": user.name, "source": user.source, "role": role, "org_id": user.org,
        "org_name": name, "uid": uuid("user", at.unwrap_or(0) as u64)})
}

fn organizations(call: &Call<'_>) -> Answer {
    let rows = call
        .cluster
        .organizations
        .iter()
        .map(|o| {
            json!({"id": o.id, "name": o.name, "uid": uuid("organization", o.id),
                "ssd_quota": 0, "total_quota": 0, "ssd_allocated": 0, "total_allocated": 0})
        })
        .collect();
    Answer::Json(rows)
}
