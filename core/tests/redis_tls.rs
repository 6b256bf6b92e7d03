//! `rediss://` against a redis-server with TLS: authorities and certificates are made anew for each test.
#![cfg(feature = "redis")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ponos::{Error, ErrorKind, Event, Ponos, Result};
use ponos_test_support::{RedisServer, free_port};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

const PATIENCE: Duration = Duration::from_secs(60);

/// An authority, and the folder where what it signed lies in PEM files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = named(name, vec![]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// Signs a certificate for these host names: `name.pem` and `name.key`.
    fn sign(&self, name: &str, hosts: &[&str]) {
        let key = KeyPair::generate().unwrap();
        let params = named(name, hosts.iter().map(|host| (*host).to_owned()).collect());
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.folder.join(format!("{name}.pem")), signed.pem()).unwrap();
        std::fs::write(self.folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn path(&self, file: &str) -> String {
        self.folder.join(file).to_str().unwrap().to_owned()
    }
}

fn named(name: &str, hosts: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server whose certificate is for `localhost` alone, and the port where it speaks TLS; `None`, with the reason
/// printed, if the redis-server there is was built without TLS.
fn secured(authority: &Authority, clients_show_certificates: &str) -> Option<(RedisServer, u16)> {
    if !RedisServer::speaks_tls() {
        eprintln!("skipped: the redis-server of this machine is built without TLS");
        return None;
    }
    authority.sign("server", &["localhost"]);
    let port = free_port();
    let server = RedisServer::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &authority.path("server.pem"),
        "--tls-key-file",
        &authority.path("server.key"),
        "--tls-ca-cert-file",
        &authority.path("ca.pem"),
        "--tls-auth-clients",
        clients_show_certificates,
    ]);
    Some((server, port))
}

async fn refused(url: &str) -> Error {
    let opened = tokio::time::timeout(PATIENCE, Ponos::open(url)).await.expect("open ends");
    opened.expect_err("this must not open")
}

/// Everything a map does goes over TLS, also when every connection was killed in between.
#[tokio::test]
async fn a_map_works_over_tls_and_survives_killed_connections() -> Result<()> {
    let authority = Authority::new("works");
    let Some((server, port)) = secured(&authority, "no") else { return Ok(()) };
    let url = format!("rediss://localhost:{port}?ca={}", authority.path("ca.pem"));
    let (one, two) = (Ponos::open(&url).await?, Ponos::open(&url).await?);
    let (left, right) = (one.map("m").await?, two.map("m").await?);
    let mut events = right.watch("*");
    assert_eq!(events.next().await, Some(Event::Synced { revision: 0 }));
    for turn in 1..=3_u64 {
        let value = format!("turn {turn}");
        assert_eq!(left.set("k", value.clone()).await?.revision, turn);
        assert_eq!(left.get("k"), Some(value.clone().into()));
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("an event");
        let Some(Event::Set { value: told, revision, .. }) = event else { panic!("{event:?}") };
        assert_eq!((&told[..], revision), (value.as_bytes(), turn));
        assert_eq!(right.get("k"), Some(value.into()));
        for kind in ["normal", "pubsub"] {
            let killed = server.command(&["CLIENT", "KILL", "TYPE", kind]);
            assert_eq!(killed, ":2\r\n", "one {kind} connection of each client");
        }
        let back = async {
            for map in [&left, &right] {
                while map.sync().await.is_err() {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, back).await.expect("connected again");
    }
    one.close().await;
    two.close().await;
    Ok(())
}

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// Whoever is not known to the client is no server: the error comes at open and names the certificate.
#[tokio::test]
async fn a_server_that_cannot_prove_its_name_is_refused() {
    let (authority, other) = (Authority::new("known"), Authority::new("other"));
    let Some((_server, port)) = secured(&authority, "no") else { return };
    let (ours, theirs) = (authority.path("ca.pem"), other.path("ca.pem"));
    let cases = [
        ("a wrong authority", format!("rediss://localhost:{port}?ca={theirs}"), "UnknownIssuer"),
        ("the public authorities", format!("rediss://localhost:{port}"), "certificate"),
        ("a name it is not for", format!("rediss://127.0.0.1:{port}?ca={ours}"), "not valid for name"),
        ("no such file", format!("rediss://localhost:{port}?ca={ours}.none"), "cannot read"),
        ("a database that is not there", format!("rediss://localhost:{port}/999?ca={ours}"), "database"),
        ("a file of something else", format!("rediss://localhost:{port}?ca={MANIFEST}"), "no certificate"),
    ];
    for (what, url, says) in cases {
        let error = refused(&url).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error:?}");
        assert!(error.to_string().contains(says), "{what}: {error:?}");
        assert!(!error.maybe_applied(), "{what}: {error:?}");
    }
}

/// A server may ask who the client is.
#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() -> Result<()> {
    let (authority, other) = (Authority::new("asks"), Authority::new("foreign"));
    let Some((_server, port)) = secured(&authority, "yes") else { return Ok(()) };
    authority.sign("client", &[]);
    other.sign("client", &[]);
    let url = format!("rediss://localhost:{port}?ca={}", authority.path("ca.pem"));
    let showing = |authority: &Authority| {
        format!("{url}&cert={}&key={}", authority.path("client.pem"), authority.path("client.key"))
    };
    let client = Ponos::open(&showing(&authority)).await?;
    let map = client.map("m").await?;
    assert_eq!(map.set("k", "v").await?.revision, 1);
    client.close().await;
    for (url, says) in [(url.clone(), "CertificateRequired"), (showing(&other), "UnknownCA")] {
        let error = refused(&url).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains(says), "{error:?}");
    }
    Ok(())
}
