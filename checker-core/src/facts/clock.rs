//! How far a server's clock is from that of the machine that asked.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::{Fact, FactScope, Missing, View};
use crate::source::ServerProbe;

/// The server's time. The first section of the script, since its answer is
/// set against the moment at which the script was sent.
pub static CLOCK: ServerProbe = ServerProbe {
    key: "host:clock",
    script: "date +%s.%N\n",
    timeout: Duration::from_secs(5),
    limit: 4 * 1024,
};

/// A server's clock against that of the machine that asked.
///
/// The server looked at its clock at some moment between the sending of the
/// question and the arrival of the answer. The middle is the best guess, and
/// it is wrong by half the way at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// How far it is ahead; negative when behind.
    #[serde(rename = "offset_ms", serialize_with = "milliseconds")]
    pub offset: SignedDuration,
    /// How far off that can be, either way.
    #[serde(rename = "uncertainty_ms", serialize_with = "milliseconds")]
    pub uncertainty: SignedDuration,
}

fn milliseconds<S: Serializer>(duration: &SignedDuration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64() * 1000.0)
}

impl Fact for Clock {
    const NAME: &'static str = "clock";
    const SCOPE: FactScope = FactScope::Server;
    const PROBES: &'static [&'static ServerProbe] = &[&CLOCK];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let record = view.success(CLOCK.key)?;
        measure(
            &record.stdout_text(),
            record.started_at(),
            record.duration(),
        )
        .map_err(|what| view.unreadable(CLOCK.key, what))
    }
}

fn measure(text: &str, sent: Timestamp, way: Duration) -> Result<Clock, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (time, resolution) = lines
        .clone()
        .find_map(time)
        .ok_or_else(|| format!("no time in {:?}", lines.collect::<Vec<_>>().join(" ")))?;
    let out_of_range = |_| "a time out of range".to_owned();
    // Without a fraction the time is anywhere within that second.
    let half = resolution / 2;
    let time = time.checked_add(half).map_err(out_of_range)?;
    let half_way = SignedDuration::try_from(way / 2).map_err(out_of_range)?;
    let middle = sent.checked_add(half_way).map_err(out_of_range)?;
    Ok(Clock {
        offset: time.duration_since(middle),
        uncertainty: half_way.saturating_add(half),
    })
}

/// `1784512800.123456789`; busybox prints `1784512800.`, `1784512800.N` or
/// `1784512800.%N`: then the resolution is a second.
fn time(line: &str) -> Option<(Timestamp, SignedDuration)> {
    let (seconds, fraction) = line.split_once('.').unwrap_or((line, ""));
    // Nine digits were the year 2001: no server is older than that, and a
    // shorter number is something else.
    if seconds.len() < 9 || !seconds.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    if matches!(fraction, "" | "N" | "%N") {
        let time = Timestamp::from_second(seconds).ok()?;
        return Some((time, SignedDuration::from_secs(1)));
    }
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i32 = format!("{fraction:0<9}").parse().ok()?;
    let time = Timestamp::new(seconds, nanoseconds).ok()?;
    Some((time, SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(text: &str, way_ms: u64) -> Result<Clock, String> {
        let sent = Timestamp::from_second(1_784_512_800).expect("a time");
        measure(text, sent, Duration::from_millis(way_ms))
    }

    #[rstest]
    #[case::exact("1784512800.020000000\n", 40, 0, 20)]
    #[case::ahead("1784512861.020000000\n", 40, 61_000, 20)]
    #[case::behind("1784512739.020000000\n", 40, -61_000, 20)]
    #[case::slow_way("1784512805.000000000\n", 10_000, 0, 5_000)]
    #[case::short_fraction("1784512800.5\n", 0, 500, 0)]
    #[case::busybox("1784512800.\n", 0, 500, 500)]
    #[case::literal_n("1784512800.N\n", 0, 500, 500)]
    #[case::literal_percent_n("1784512800.%N\n", 40, 480, 520)]
    #[case::seconds_alone("1784512800\n", 0, 500, 500)]
    #[case::noise_before("Welcome\n1784512800.000000000\n", 0, 0, 0)]
    fn offsets(#[case] text: &str, #[case] way: u64, #[case] offset: i64, #[case] around: i64) {
        assert_eq!(
            at(text, way),
            Ok(Clock {
                offset: SignedDuration::from_millis(offset),
                uncertainty: SignedDuration::from_millis(around),
            })
        );
    }

    #[rstest]
    #[case::nothing("")]
    #[case::words("date: invalid option\n")]
    #[case::cut("17845128")]
    #[case::small_number("42.5\n")]
    #[case::too_large("99999999999999999999.0\n")]
    #[case::out_of_range("999999999999999.0\n")]
    #[case::odd_fraction("1784512800.12x\n")]
    fn no_time_is_made_up(#[case] text: &str) {
        assert!(at(text, 40).is_err());
    }

    #[rstest]
    #[case("sh")]
    #[case("dash")]
    #[case("bash")]
    fn the_script_runs(#[case] shell: &str) {
        let sent = Timestamp::now();
        let begun = std::time::Instant::now();
        let Ok(output) = std::process::Command::new(shell)
            .args(["-c", CLOCK.script])
            .output()
        else {
            return; // This machine has no such shell.
        };
        let way = begun.elapsed();
        assert!(output.status.success(), "{output:?}");
        let clock = measure(&String::from_utf8_lossy(&output.stdout), sent, way).expect("a time");
        // This machine against itself.
        let slack = SignedDuration::from_millis(5);
        assert!(clock.offset.abs() <= clock.uncertainty + slack, "{clock:?}");
    }
}
