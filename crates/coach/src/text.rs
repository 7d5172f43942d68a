//! Words made fit to show: spoken text without tricks, times and dates as people write them.
//! Nothing here knows about HTML; the page's template escapes on top of this.

use protocol::time::Wall;

/// The text on one line, with everything taken out that could move a cursor, hide or turn words
/// around: C0 controls become their pictures (`␛`), C1 controls and bidirectional overrides,
/// embeddings and isolates become `�`, every kind of line break becomes a space.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| shown(c, false)).collect()
}

/// Like [`plain`], but line feeds stay.
pub fn plain_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| shown(c, true))
        .collect()
}

fn shown(c: char, keep_lines: bool) -> char {
    match c {
        '\n' if keep_lines => '\n',
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('�'),
        '\u{7f}' => '␡',
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '�',
        c => c,
    }
}

/// At most `chars_max` characters of the text, cut at a word where one ends in the last third,
/// with `…` for the rest.
pub fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    let cut = match head.rfind(' ') {
        Some(at) if at * 3 >= head.len() * 2 => at,
        _ => head.len(),
    };
    format!(
        "{}…",
        head[..cut].trim_end_matches([' ', ',', '.', ';', ':'])
    )
}

/// Milliseconds as `m:ss`, from an hour on `h:mm:ss`; parts of a second are dropped.
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// Milliseconds as `1.4 s`, rounded to a tenth.
pub fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// Milliseconds as `1 minute 12 seconds`, rounded down to a second; `less than a second` below.
pub fn spelled(ms: u64) -> String {
    let total = ms / 1000;
    let parts = [
        (total / 3600, "hour"),
        (total / 60 % 60, "minute"),
        (total % 60, "second"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| count(*n, unit))
        .collect();
    if said.is_empty() {
        "less than a second".to_owned()
    } else {
        said.join(" ")
    }
}

/// `1 word`, `2 words`.
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// A date for people and for machines, both in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date {
    /// `21 November 2026, 03:48 UTC`
    pub text: String,
    /// `2026-11-21T03:48:46Z`
    pub iso: String,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The date of a wall time; none outside the years 1 to 9999.
pub fn date(at: Wall) -> Option<Date> {
    let seconds = at.0.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Howard Hinnant's civil_from_days: years begin in March, eras have 400 years.
    let z = days.checked_add(719_468)?;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(1..=9999).contains(&year) {
        return None;
    }
    let name = MONTHS.get(usize::try_from(month - 1).ok()?)?;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    Some(Date {
        text: format!("{day} {name} {year}, {hour:02}:{minute:02} UTC"),
        iso: format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
    })
}

#[cfg(test)]
mod tests;
