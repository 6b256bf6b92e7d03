//! The header that Go reads is what cbindgen makes of the sources now.

use std::path::Path;

#[test]
fn the_header_is_fresh() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).expect("cbindgen.toml");
    let sources = cbindgen::Builder::new().with_src(here.join("src/lib.rs")).with_config(config);
    let bindings = sources.generate().expect("the sources can be read");
    let mut made = Vec::new();
    bindings.write(&mut made);
    let (made, path) = (String::from_utf8(made).expect("text"), here.join("../ponos.h"));
    if std::env::var_os("PONOS_WRITE_HEADER").is_some() {
        std::fs::write(&path, &made).expect("ponos.h can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        made == committed,
        "ponos.h is not fresh: PONOS_WRITE_HEADER=1 cargo test -p ponos-go --test header"
    );
}
