//! `weka status rebuild -J`: how well the data is protected.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// The protection state.
pub static REBUILD: ClusterCommand = ClusterCommand {
    key: "weka:rebuild",
    variants: &["status rebuild -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// An amount of data, in one measure or both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Amount {
    /// In MiB. A share that rounds to 0 % is seen here.
    pub mib: Option<f64>,
    /// The share of all data, in percent; can have a fraction.
    pub percent: Option<f64>,
}

impl Amount {
    fn read(object: &Object<'_>, mib: &str, percent: &str) -> Result<Option<Self>, ShapeError> {
        let part = |name: &str| -> Result<Option<f64>, ShapeError> {
            match object.opt_float(&[name])? {
                Some(n) if n < 0.0 => Err(object.error(&[name], format!("{n} is no amount"))),
                n => Ok(n),
            }
        };
        let amount = Self {
            mib: part(mib)?,
            percent: part(percent)?,
        };
        Ok(Some(amount).filter(|a| a.mib.is_some() || a.percent.is_some()))
    }

    /// Whether there is any such data.
    #[must_use]
    pub fn any(&self) -> bool {
        self.mib.is_some_and(|n| n > 0.0) || self.percent.is_some_and(|n| n > 0.0)
    }
}

/// How much data has lost a number of its copies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protection {
    /// How many failures this data has suffered; 0 is fully protected.
    pub failures: u64,
    /// How much of it there is.
    #[serde(flatten)]
    pub amount: Amount,
}

/// The protection of all data, and the rebuild that may run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rebuild {
    /// Share of the current rebuild that is done, in percent: 0 when none
    /// runs, and also when one has just begun or can't go on.
    pub progress: Option<f64>,
    /// By the number of failures, the fewest first. 3.x lists only the
    /// entry 0 when all is well.
    pub protection: Vec<Protection>,
    /// Data beyond any protection; `None` where the cluster does not tell.
    pub unavailable: Option<Amount>,
    /// Whether data or quorums are moved to other places, fully protected meanwhile.
    pub moving: bool,
    /// Whether enough failure domains are active for a rebuild.
    pub enough_failure_domains: Option<bool>,
    /// How many buckets the report is made of.
    pub buckets_reported: Option<u64>,
    /// How many buckets there are.
    pub buckets: Option<u64>,
    /// Whether the report was ever filled in, where the release tells.
    pub filled_in: Option<bool>,
}

impl Rebuild {
    /// Reads the object that both `weka status rebuild -J` and the member
    /// `rebuild` of `weka status -J` hold.
    ///
    /// # Errors
    /// When it is of another shape.
    pub fn from_json(value: &Value) -> Result<Self, ShapeError> {
        read(value)
    }

    /// Data that has lost at least one copy, the worst first.
    pub fn unprotected(&self) -> impl Iterator<Item = &Protection> {
        self.protection
            .iter()
            .rev()
            .filter(|p| p.failures > 0 && p.amount.any())
    }

    /// Whether the cluster reports any data at all. One that reports none in
    /// any state has not counted yet.
    #[must_use]
    pub fn counted(&self) -> bool {
        self.protection.iter().any(|p| p.amount.any())
    }
}

impl Fact for Rebuild {
    const NAME: &'static str = "rebuild";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&REBUILD];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(REBUILD.key, read)
    }
}

fn read(value: &Value) -> Result<Rebuild, ShapeError> {
    let rebuild = Object::new(value, "rebuild")?;
    let mut protection = rebuild
        .objects(&["protectionState"])?
        .iter()
        .map(|entry| {
            Ok(Protection {
                failures: entry.number(&["numFailures"])?,
                amount: Amount::read(entry, "MiB", "percent")?
                    .ok_or_else(|| entry.error(&["MiB"], "is missing"))?,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    protection.sort_by_key(|p| p.failures);
    let flag = |names: &[&str]| -> Result<bool, ShapeError> {
        Ok(rebuild.opt_boolean(names)?.unwrap_or(false))
    };
    Ok(Rebuild {
        progress: rebuild.opt_float(&["progressPercent"])?,
        protection,
        unavailable: Amount::read(&rebuild, "unavailableMiB", "unavailablePercent")?,
        moving: flag(&["movingData"])? || flag(&["movingQuorums"])?,
        enough_failure_domains: rebuild.opt_boolean(&["enoughActiveFDs"])?,
        buckets_reported: rebuild.opt_number(&["numBucketsInReport"])?,
        buckets: rebuild.opt_number(&["numBucketsTotal"])?,
        filled_in: rebuild.opt_boolean(&["isInited"])?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn of_4_4() {
        let value = json!({"progressPercent":3,"movingData":true,"unavailableMiB":0,"totalCopiesMiB":90000,
            "totalCopiesDoneMiB":2700,"numActiveFDs":5,"enoughActiveFDs":true,"numBucketsInReport":150,"numBucketsTotal":150,
            "protectionState":[{"numFailures":2,"MiB":0,"percent":0},{"numFailures":0,"MiB":3_910_000,"percent":97.7},{"numFailures":1,"MiB":90000,"percent":2.3}]});
        let rebuild = read(&value).expect("readable");
        let worst: Vec<_> = rebuild
            .unprotected()
            .map(|p| (p.failures, p.amount.mib))
            .collect();
        assert_eq!(worst, [(1, Some(90000.0))]);
        assert!(rebuild.moving && rebuild.counted());
        assert_eq!(rebuild.progress, Some(3.0));
    }

    #[test]
    fn of_3_11() {
        let value = json!({"progressPercent":0,"unavailableMiB":0,"protectionState":[{"numFailures":0,"MiB":10,"percent":100}]});
        let rebuild = read(&value).expect("readable");
        assert_eq!(rebuild.unprotected().count(), 0);
        assert!(!rebuild.moving);
    }

    /// The share rounds to 0 %, the amount does not.
    #[test]
    fn a_little_unprotected_data_is_seen() {
        let value = json!({"unavailableMiB":0,"protectionState":[{"numFailures":1,"MiB":1,"percent":0},{"numFailures":2,"percent":0.04}]});
        assert_eq!(read(&value).expect("readable").unprotected().count(), 2);
    }

    #[rstest]
    #[case::less_than_nothing(json!({"protectionState":[{"numFailures":1,"MiB":-7,"percent":0}]}))]
    #[case::a_share_below_zero(json!({"protectionState":[{"numFailures":1,"MiB":0,"percent":-0.1}]}))]
    #[case::unavailable_below_zero(json!({"unavailableMiB":-7,"protectionState":[]}))]
    #[case::an_entry_without_amount(json!({"protectionState":[{"numFailures":1}]}))]
    #[case::an_entry_without_failures(json!({"protectionState":[{"MiB":0}]}))]
    #[case::words(json!({"protectionState":"OK"}))]
    #[case::a_list(json!([]))]
    #[case::null(json!(null))]
    fn other_shapes_are_errors(#[case] value: Value) {
        assert!(read(&value).is_err());
    }

    #[test]
    fn what_is_absent_is_not_zero() {
        let rebuild = read(&json!({})).expect("readable");
        assert_eq!(rebuild.unavailable, None);
        assert_eq!(rebuild.progress, None);
        assert!(!rebuild.counted());
    }
}
