//! Runs every scenario of tests/spec in each language on each engine: `scenarios [language…] [file…]`.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::path::Path;
use std::process::ExitCode;

use ponos_test_support::RedisServer;
use ponos_tests::conductor::Stage;
use ponos_tests::driver::{Driver, Language};
use ponos_tests::report::Report;
use ponos_tests::scenario::{self, File, Scenario};

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let root = std::env::var("PONOS_ROOT").unwrap_or_else(|_| ".".to_owned());
    let root = std::fs::canonicalize(root).expect("PONOS_ROOT is a folder");
    let languages = Language::ALL.into_iter().filter(|language| {
        let named = |name: &String| Language::ALL.iter().any(|other| other.name() == name);
        !wanted.iter().any(named) || wanted.iter().any(|name| name == language.name())
    });
    let mut files = scenario::read(&root.join("tests/spec"));
    let chosen = |file: &File| wanted.contains(&file.name);
    if files.iter().any(chosen) {
        files.retain(chosen);
    }
    let server = RedisServer::start();
    let mut report = Report::default();
    for language in languages {
        // A language that is not installed is a failure: silence would look like success.
        match Driver::start(language, &root) {
            Err(why) => report.add(language.name(), Err(why)),
            Ok(_) => {
                for file in &files {
                    println!("{} {}", language.name(), file.name);
                    for (number, scenario) in file.scenarios.iter().enumerate() {
                        for engine in ["memory", "redis"] {
                            let what =
                                format!("{} {engine} {}: {}", language.name(), file.name, scenario.name);
                            if scenario.engines.is_empty()
                                || scenario.engines.iter().any(|name| name == engine)
                            {
                                let unique = format!("{}-{}-{number}", language.name(), file.name);
                                let played = play(language, engine, &unique, scenario, &server, &root).await;
                                report.add(&what, played);
                            }
                        }
                    }
                }
            }
        }
    }
    report.end()
}

async fn play(
    language: Language,
    engine: &str,
    unique: &str,
    scenario: &Scenario,
    server: &RedisServer,
    root: &Path,
) -> Result<(), String> {
    let own = scenario.server.as_ref().map(|arguments| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        RedisServer::with(&arguments)
    });
    let server = own.as_ref().unwrap_or(server);
    // Processes do not share memory: there all actors are one driver.
    let (url, actors) = match engine {
        "memory" => (format!("memory://{unique}"), vec!["a".to_owned()]),
        _ => {
            let mut actors: Vec<String> = scenario.steps.iter().map(|step| step.by.clone()).collect();
            actors.sort();
            actors.dedup();
            (format!("{}?prefix={unique}:", server.url()), actors)
        }
    };
    let actors: Vec<_> = actors.into_iter().map(|actor| (actor, language)).collect();
    let mut stage = Stage::start(&actors, url, root)?;
    stage.server = own;
    stage.play(scenario).await?;
    stage.finish().await
}
