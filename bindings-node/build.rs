//! How an addon of Node is linked on each platform.

fn main() {
    napi_build::setup();
}
