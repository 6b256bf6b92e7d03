//! Counters as decimal text, so that every language and codec reads them, with arithmetic that is the same
//! in Rust and in the engines' scripts.
//!
//! Integers are 64-bit and canonical (`-12`, no `+`, no leading zeros). Floats are the shortest of `%.15g`,
//! `%.16g` and `%.17g` that reads back as the same number, which C, Lua and this file agree on.

/// The integer in `text`, if it is one in canonical form.
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    canonical.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// The number in `text`, if it is `-?digits[.digits][e[sign]digits]` and finite.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_FLOAT_TEXT)?;
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = digits(whole) && fraction.is_none_or(digits) && exponent.is_none_or(digits);
    if !well_formed {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Longer texts are not taken for numbers: nothing that this module writes comes near it.
pub const MAX_FLOAT_TEXT: usize = 64;

/// The shortest `%.15g`, `%.16g` or `%.17g` of `number` that reads back as the same number.
#[must_use]
pub fn format_f64(number: f64) -> String {
    for precision in [15, 16] {
        let text = format_g(number, precision);
        if text.parse() == Ok(number) {
            return text;
        }
    }
    format_g(number, 17)
}

/// C's `%.{precision}g`.
fn format_g(number: f64, precision: usize) -> String {
    let scientific = format!("{:.*e}", precision - 1, number);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= limit {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(limit - 1 - exponent).unwrap_or(0);
    trim_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_counters() {
        for (text, value) in [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX)] {
            assert_eq!(parse_i64(text.as_bytes()), Some(value));
        }
        for text in ["", "-", "-0", "+1", "01", "1 ", "1.0", "9223372036854775808", "x"] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn floats_are_written_as_c_would() {
        let cases = [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e-5, "1e-05"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::MAX, "1.7976931348623157e+308"),
            (100.0, "100"),
        ];
        for (number, text) in cases {
            assert_eq!(format_f64(number), text);
            assert_eq!(parse_f64(text.as_bytes()), Some(number));
        }
    }

    #[test]
    fn what_c_reads_but_json_does_not_is_no_number() {
        for text in ["inf", "nan", "0x10", " 1", ".5", "5.", "1e", "--1", "1e400", ""] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }
}
