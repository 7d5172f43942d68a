//! Points in time as people read them. Arithmetic only.

use protocol::time::Wall;

/// `2026-11-21 04:05:06 UTC`.
pub fn utc(wall: Wall) -> String {
    let seconds = wall.0.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March here, so that
/// the leap day is the last one.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// `6 days 23 h`, `5 min`, `12 s`: the two largest units.
pub fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400_000, " d"),
        (3_600_000, " h"),
        (60_000, " min"),
        (1_000, " s"),
    ];
    let mut rest = ms;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        let count = rest / unit;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count}{name}"));
            rest %= unit;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        "less than a second".to_owned()
    } else {
        parts.join(" ")
    }
}
