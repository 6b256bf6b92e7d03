//! Runs every scenario of tests/cross on Redis with a language for each actor, and again until each language has
//! played every part.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::process::ExitCode;

use ponos_test_support::RedisServer;
use ponos_tests::conductor::Stage;
use ponos_tests::driver::Language;
use ponos_tests::report::Report;
use ponos_tests::scenario;

#[tokio::main]
async fn main() -> ExitCode {
    let root = std::env::var("PONOS_ROOT").unwrap_or_else(|_| ".".to_owned());
    let root = std::fs::canonicalize(root).expect("PONOS_ROOT is a folder");
    let server = RedisServer::start();
    let mut report = Report::default();
    for file in scenario::read(&root.join("tests/cross")) {
        for (number, scenario) in file.scenarios.iter().enumerate() {
            for turn in 0..Language::ALL.len() {
                let parts =
                    ["a", "b", "c", "d"].into_iter().zip(Language::ALL.into_iter().cycle().skip(turn));
                let actors: Vec<_> = parts.map(|(actor, language)| (actor.to_owned(), language)).collect();
                let cast: Vec<_> =
                    actors.iter().map(|(actor, language)| format!("{actor}={}", language.name())).collect();
                let what = format!("{}: {} [{}]", file.name, scenario.name, cast.join(" "));
                println!("{what}");
                let url = format!("{}?prefix={}-{number}-{turn}:", server.url(), file.name);
                let played = async {
                    let mut stage = Stage::start(&actors, url, &root)?;
                    stage.play(scenario).await?;
                    stage.finish().await
                };
                report.add(&what, played.await);
            }
        }
    }
    report.end()
}
