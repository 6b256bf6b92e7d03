//! Tests of `url`.

use super::*;
use crate::error::ErrorKind;

fn refused(text: &str) -> String {
    let error = Settings::parse(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

#[test]
fn a_full_redis_url_is_understood() {
    let text =
        "rediss://us%40er:p%23w@[::1]:7000/3?prefix=app:&timeout=500ms&ca=/ca.pem&max_value=2048&log_len=500";
    let settings = Settings::parse(text).expect("a good url");
    assert_eq!(settings.timeout, Duration::from_millis(500));
    assert_eq!((settings.max_value, settings.log_len), (2048, 500));
    let EngineUrl::Redis(redis) = settings.engine else { panic!("not redis") };
    assert_eq!((redis.host.as_str(), redis.port, redis.database), ("::1", 7000, 3));
    assert_eq!((redis.user.as_deref(), redis.password.as_deref()), (Some("us@er"), Some("p#w")));
    assert_eq!(redis.prefix, "app:");
    assert_eq!(redis.tls.and_then(|tls| tls.ca), Some(PathBuf::from("/ca.pem")));
}

#[test]
fn memory_urls_have_names() {
    for (text, wanted) in
        [("memory://", ""), ("memory://a", "a"), ("memory:///a/b", "a/b"), ("memory:a", "a")]
    {
        let EngineUrl::Memory { name } = Settings::parse(text).expect(text).engine else { panic!("{text}") };
        assert_eq!(name, wanted, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    assert!(
        refused("redis://h?prefx=a")
            .contains("known are timeout, max_value, log_len, prefix, connect_timeout")
    );
    assert!(refused("memory://?prefix=a").contains("\"prefix\""));
    assert!(refused("redis://h?timeout=5").contains("500ms"));
    assert!(refused("redis://h?timeout=0s").contains("1ms"));
    assert!(refused("memory://?max_value=0").contains("whole number from 1 to"));
    assert!(refused("http://h").contains("redis://"));
    assert!(refused("localhost:6379").contains("known are"));
    assert!(refused("").contains("memory://"));
    assert!(refused("redis://h/db").contains("database number"));
    assert!(refused("redis://h?timeout=1s&timeout=2s").contains("twice"));
    assert!(refused("rediss://h?cert=a").contains("both or none"));
    assert!(refused("redis://h?prefix=a{b").contains("braces"));
    assert!(
        refused("redis://:pass#word@h").contains("%23") || refused("redis://:pass#word@h").contains("url")
    );
}

#[test]
fn passwords_are_never_printed() {
    let settings = Settings::parse("redis://user:canary@h:1/2").expect("a good url");
    let printed = format!("{settings:?} {:?} {}", settings.engine, settings.engine);
    assert!(!printed.contains("canary"), "{printed}");
    assert!(printed.contains("redis://user:***@h:1/2"));
    assert!(!refused("redis://user:canary@h:99999").contains("canary"));
    assert!(!refused("redis://user:canary@h?x=1").contains("canary"));
}
