//! Lengths of time as people write them in plan files: `90s`, `2m`, `1m30s`, `500ms`.

/// Why a text is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a row of whole numbers with units.
    #[error("expected a length of time such as \"90s\", \"2m\", \"1m30s\" or \"500ms\"")]
    Form,
    /// A number without a unit.
    #[error("expected a unit after the number: ms, s, m or h, as in \"90s\"")]
    Unit,
    /// More than fits.
    #[error("this length of time is too long to be counted in milliseconds")]
    TooLong,
}

/// Milliseconds of a text such as `90s`, `2m`, `1m30s`, `1h`, `500ms`. Units go from large to
/// small and each comes once at most.
pub fn parse_duration(text: &str) -> Result<u64, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Form);
    }
    let mut total: u64 = 0;
    let mut last_factor = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(DurationError::Form);
        }
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "" if after.is_empty() => return Err(DurationError::Unit),
            _ => return Err(DurationError::Form),
        };
        if factor >= last_factor {
            return Err(DurationError::Form);
        }
        last_factor = factor;
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(factor))
            .and_then(|part| total.checked_add(part))
            .ok_or(DurationError::TooLong)?;
        rest = after;
    }
    Ok(total)
}
