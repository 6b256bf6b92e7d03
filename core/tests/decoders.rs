//! Properties of what reads bytes and text from outside: frames of items, numbers, and the URL of an engine.

use bytes::Bytes;
use ponos::model::{items, number};
use ponos::{ErrorKind, Settings};
use proptest::collection::vec;
use proptest::prelude::*;

/// Text with the parts that URLs are made of, so that more than the first character is looked at.
fn like_a_url() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("redis://".to_owned()),
        Just("rediss://".to_owned()),
        Just("memory://".to_owned()),
        Just("host:6379".to_owned()),
        Just("[::1]".to_owned()),
        Just("user:secret@".to_owned()),
        Just("?timeout=".to_owned()),
        Just("&max_value=".to_owned()),
        Just("&log_len=".to_owned()),
        Just("?prefix=".to_owned()),
        "[0-9]{1,25}(ms|s|m)?",
        "%[0-9a-fA-F]{0,2}",
        "[/:@?&=#%\\[\\]. ]",
        ".{0,4}",
    ];
    vec(parts, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_some_items(value in vec(any::<u8>(), 0..200)) {
        let value = Bytes::from(value);
        let split: Vec<Bytes> = items::split(&value).collect();
        prop_assert_eq!(split.len(), items::count(&value));
        let whole = items::join(&split);
        prop_assert!(value.starts_with(&whole), "what is whole is read, and nothing is made up");
    }

    #[test]
    fn items_survive_what_follows_them(items in vec(vec(any::<u8>(), 0..20), 0..10), torn in vec(any::<u8>(), 0..4)) {
        let value = items::concat(&items::join(&items), &Bytes::from(torn));
        let split: Vec<Bytes> = items::split(&value).collect();
        prop_assert_eq!(split, items.into_iter().map(Bytes::from).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_a_number_or_none(text in vec(any::<u8>(), 0..70)) {
        if let Some(number) = number::parse_i64(&text) {
            prop_assert_eq!(number.to_string().into_bytes(), text.clone());
        }
        prop_assert!(number::parse_f64(&text).is_none_or(f64::is_finite));
    }

    #[test]
    fn floats_are_read_as_they_are_written(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        prop_assert_eq!(number::parse_f64(number::format_f64(number).as_bytes()), Some(number));
    }

    #[test]
    fn any_text_is_a_url_or_a_clear_error(text in prop_oneof![like_a_url(), any::<String>()]) {
        match Settings::parse(&text) {
            Ok(settings) => {
                prop_assert!((1..=3_600_000).contains(&settings.timeout.as_millis()));
                prop_assert!((1..=64 << 20).contains(&settings.max_value));
                prop_assert!((100..=10_000_000).contains(&settings.log_len));
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Invalid);
                prop_assert!(!error.message().is_empty() && !error.maybe_applied());
            }
        }
    }

    #[test]
    fn a_password_is_never_told(password in "[a-zA-Z0-9]{8}#?[!-~]{0,8}", rest in like_a_url()) {
        // However the rest is mistyped, the first eight letters are nowhere in what is printed.
        let canary = &password[..8];
        prop_assume!(!rest.contains(canary));
        let told = match Settings::parse(&format!("redis://user:{password}@host{rest}")) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!told.contains(canary), "{}", told);
    }
}
