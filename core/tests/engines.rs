//! Every engine passes the conformance suite; two clients of one engine count as one.
#![cfg(feature = "testkit")]

use ponos::engine::memory::Memory;
use ponos::engine::redis::Redis;
use ponos::engine::{Engine, testkit};
use ponos::{EngineUrl, Settings};
use ponos_test_support::RedisServer;

#[tokio::test]
async fn the_memory_engine_conforms() {
    testkit::run(&Memory::open("conformance", 1 << 20, 10_000), "m").await;
    assert!(testkit::names().len() >= 20);
}

#[tokio::test]
async fn the_redis_engine_conforms() -> ponos::Result<()> {
    let server = RedisServer::start();
    let settings = Settings::parse(&server.url())?;
    let EngineUrl::Redis(url) = &settings.engine else { panic!("not redis") };
    let engine = Redis::open(url, &settings).await?;
    testkit::run(&engine, "r").await;
    engine.close().await
}
