//! Runs one scenario: hands each step to its actor's driver and compares the answer.

use std::collections::BTreeMap;
use std::path::Path;

use std::time::{Duration, Instant};

use ponos_test_support::RedisServer;
use serde_json::Value;

use crate::compare::difference;
use crate::driver::{Driver, Language};
use crate::scenario::{Blow, Scenario, Step};

/// How long something may take that is to be so eventually.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who speaks which language, and what `$URL` is.
pub struct Stage<'a> {
    /// Drivers by actor; an actor that is not named shares the first one's.
    pub drivers: BTreeMap<String, Driver>,
    /// The engine's URL for this scenario alone.
    pub url: String,
    /// The server that the scenario has to itself.
    pub server: Option<RedisServer>,
    /// The root of the tree.
    pub root: &'a Path,
}

impl Stage<'_> {
    /// Starts one driver for each actor.
    ///
    /// # Errors
    /// Why a driver cannot be started.
    pub fn start<'a>(
        actors: &[(String, Language)],
        url: String,
        root: &'a Path,
    ) -> Result<Stage<'a>, String> {
        let drivers =
            actors.iter().map(|(actor, language)| Ok((actor.clone(), Driver::start(*language, root)?)));
        Ok(Stage { drivers: drivers.collect::<Result<_, String>>()?, url, server: None, root })
    }

    /// Runs the steps in order.
    ///
    /// # Errors
    /// The first step that is not as expected, and how.
    pub async fn play(&mut self, scenario: &Scenario) -> Result<(), String> {
        let login = |login: &str| self.url.replace("redis://", &format!("redis://{login}@"));
        let urls = [
            ("URL", self.url.clone()),
            ("SERVER", self.url.split('?').next().unwrap_or_default().to_owned()),
            ("WRONG_LOGIN", login("nobody:wrong")),
            ("WRONG_PASSWORD", login(":wrong")),
            ("RIGHT_PASSWORD", login(":right")),
        ];
        let mut saved = BTreeMap::from(urls.map(|(name, url)| (name.to_owned(), Value::String(url))));
        for (index, step) in scenario.steps.iter().enumerate() {
            let number = index + 1;
            let Step { by, operation, .. } = step;
            let begin = Instant::now();
            let mut played = self.step(step, &mut saved).await;
            while step.eventually && played.is_err() && begin.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(5)).await;
                played = self.step(step, &mut saved).await;
            }
            played.map_err(|what| format!("step {number} ({operation} by {by}): {what}"))?;
        }
        Ok(())
    }

    fn strike(&mut self, blow: Blow) -> Result<(), String> {
        let server = self.server.as_mut().ok_or("the scenario has no server of its own")?;
        match blow {
            Blow::Kill => server.kill(),
            Blow::Restart => server.restart(),
            Blow::Pause => server.pause(),
            Blow::Resume => server.resume(),
        }
        Ok(())
    }

    /// Ends every driver and checks that it ends well.
    ///
    /// # Errors
    /// If one hangs or fails.
    pub async fn finish(self) -> Result<(), String> {
        for driver in self.drivers.into_values() {
            driver.finish().await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step, saved: &mut BTreeMap<String, Value>) -> Result<(), String> {
        if let Some(blow) = step.server {
            return self.strike(blow);
        }
        let args = fill(&step.args, saved)?;
        let fallback = self.drivers.keys().next().cloned().unwrap_or_default();
        let actor = if self.drivers.contains_key(&step.by) { &step.by } else { &fallback };
        let driver = self.drivers.get_mut(actor).ok_or("there is no driver")?;
        let answer = driver.ask(&step.operation, step.on.as_deref(), &args, step.result.as_deref()).await?;
        match (answer, &step.error) {
            (Ok(answer), None) => {
                for (name, field) in &step.save {
                    let value =
                        answer.get(field).ok_or_else(|| format!("the answer has no {field}: {answer}"))?;
                    saved.insert(name.clone(), value.clone());
                }
                let expected = step.expect.as_ref().map(|expected| fill(expected, saved)).transpose()?;
                expected.and_then(|expected| difference(&expected, &answer)).map_or(Ok(()), Err)
            }
            (Err(error), Some(kind)) => fits(&error, kind, step),
            (Ok(answer), Some(kind)) => Err(format!("expected the error {kind}, got {answer}")),
            (Err(error), None) => Err(format!("unexpected error: {error}")),
        }
    }
}

/// Whether an error is the expected one.
fn fits(error: &Value, kind: &str, step: &Step) -> Result<(), String> {
    let message = error["message"].as_str().unwrap_or_default();
    let says = step.says.as_deref().unwrap_or_default();
    let maybe = step.maybe_applied.is_none_or(|maybe| error["maybe_applied"] == maybe);
    if error["kind"] == kind && message.contains(says) && maybe {
        return Ok(());
    }
    Err(format!(
        "expected the error {kind} saying {says:?} (maybe_applied {:?}), got {error}",
        step.maybe_applied
    ))
}

/// Puts saved values where their names stand, and repeats text: `{"repeat": "x", "times": 3}`.
fn fill(value: &Value, saved: &BTreeMap<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) if text == "$any" => value.clone(),
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => {
                let (name, rest) = name.split_at(name.find(['?', '/']).unwrap_or(name.len()));
                let found = saved.get(name).ok_or_else(|| format!("nothing is saved as ${name}"))?;
                match (found, rest) {
                    (found, "") => found.clone(),
                    (Value::String(found), rest) => join_url(found, rest).into(),
                    _ => return Err(format!("${name} is no text")),
                }
            }
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, saved)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            if let (Some(Value::String(text)), Some(times)) = (fields.get("repeat"), fields.get("times")) {
                let times = times.as_u64().and_then(|times| usize::try_from(times).ok()).unwrap_or(0);
                return Ok(text.repeat(times).into());
            }
            let filled = fields.iter().map(|(name, item)| Ok((name.clone(), fill(item, saved)?)));
            filled.collect::<Result<serde_json::Map<_, _>, String>>()?.into()
        }
        _ => value.clone(),
    })
}

/// Adds `?a=b` to a URL that may have parameters already.
fn join_url(url: &str, rest: &str) -> String {
    match rest.strip_prefix('?') {
        Some(parameter) if url.contains('?') => format!("{url}&{parameter}"),
        _ => format!("{url}{rest}"),
    }
}
