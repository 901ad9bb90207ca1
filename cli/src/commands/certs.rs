//! `ligase certs`: a development authority, and certificates that name a role and a process. Production brings its own.

use crate::args::fleet::Certs;
use crate::failure::{Exit, Failure};
use crate::output;
use ligase_proto::principal::{Principal, ROLES};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Certificates begin a little before now: clocks differ.
const BEGINS_BEFORE: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);

/// Makes them.
pub fn run(args: &Certs, as_json: bool) -> Result<Exit, Failure> {
    let principals = args.identities.iter().map(|i| identity(i)).collect::<Result<Vec<_>, _>>()?;
    fs::create_dir_all(&args.dir).map_err(|e| unwritable(&args.dir, e))?;
    let (issuer, fresh) = authority(args)?;
    let mut made = Vec::new();
    for who in &principals {
        made.push((who.to_string(), certificate(args, who, &issuer)?));
    }
    if as_json {
        let rows: Vec<_> =
            made.iter().map(|(who, (cert, key))| json!({"identity": who, "certificate": cert, "key": key})).collect();
        output::json(&json!({"authority": args.dir.join("ca.pem"), "new_authority": fresh, "certificates": rows}));
    } else {
        let word = if fresh { "new" } else { "kept" };
        anstream::println!("authority ({word}): {}", args.dir.join("ca.pem").display());
        let row = |(who, (cert, key)): &(String, (PathBuf, PathBuf))| {
            vec![who.clone(), cert.display().to_string(), key.display().to_string()]
        };
        output::table(&["identity", "certificate", "key"], made.iter().map(row).collect());
    }
    Ok(Exit::Holds)
}

fn identity(text: &str) -> Result<Principal, Failure> {
    Principal::of_uri(&format!("spiffe://x/ligase/{text}")).ok_or_else(|| {
        Failure::input(
            "E-CERTS-IDENTITY",
            format!("{text:?} is no role and name such as worker/eu-1"),
            format!("roles are {}; names have letters, digits and - _ . @", ROLES.join(", ")),
        )
    })
}

/// The authority in the folder, or a new one.
fn authority(args: &Certs) -> Result<(Issuer<'static, KeyPair>, bool), Failure> {
    let (certificate, key) = (args.dir.join("ca.pem"), args.dir.join("ca.key"));
    if certificate.exists() || key.exists() {
        let read = |path: &Path| fs::read_to_string(path).map_err(|e| unreadable(path, e));
        let (pem, key_pem) = (read(&certificate)?, read(&key)?);
        let pair = KeyPair::from_pem(&key_pem).map_err(|e| unreadable(&key, e))?;
        return Ok((Issuer::from_ca_cert_pem(&pem, pair).map_err(|e| unreadable(&certificate, e))?, false));
    }
    let mut params = params(args, args.days.saturating_mul(10))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, format!("Ligase development authority of {}", args.domain));
    let pair = KeyPair::generate().map_err(failed)?;
    let signed = params.self_signed(&pair).map_err(failed)?;
    write(&key, &pair.serialize_pem(), 0o600)?;
    write(&certificate, &signed.pem(), 0o644)?;
    Ok((Issuer::new(params, pair), true))
}

fn certificate(args: &Certs, who: &Principal, issuer: &Issuer<'_, KeyPair>) -> Result<(PathBuf, PathBuf), Failure> {
    let mut params = params(args, args.days)?;
    let ia5 = |text: String| Ia5String::try_from(text).map_err(failed);
    params.subject_alt_names.push(SanType::URI(ia5(who.uri(&args.domain))?));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if who.role == "coordinator" {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        for host in &args.hosts {
            params.subject_alt_names.push(match host.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(ia5(host.clone())?),
            });
        }
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, who.to_string());
    let pair = KeyPair::generate().map_err(failed)?;
    let signed = params.signed_by(&pair, issuer).map_err(failed)?;
    let stem = format!("{}-{}", who.role, who.name);
    let (certificate, key) = (args.dir.join(format!("{stem}.pem")), args.dir.join(format!("{stem}.key")));
    write(&key, &pair.serialize_pem(), 0o600)?;
    write(&certificate, &signed.pem(), 0o644)?;
    Ok((certificate, key))
}

fn params(args: &Certs, days: u32) -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::default();
    let now_ms = u64::try_from(ligase_runtime::SystemClock.now_ms()).unwrap_or(0);
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms);
    params.not_before = (now - BEGINS_BEFORE).into();
    params.not_after = now
        .checked_add(DAY * days)
        .ok_or_else(|| Failure::input("E-CERTS-DAYS", format!("{} days are too many", args.days), "take fewer"))?
        .into();
    Ok(params)
}

/// Whole or not at all, and never readable to others for a moment.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&fresh)
        .map_err(|e| unwritable(&fresh, e))?;
    file.write_all(text.as_bytes()).map_err(|e| unwritable(&fresh, e))?;
    fs::rename(&fresh, path).map_err(|e| unwritable(path, e))
}

fn failed(error: rcgen::Error) -> Failure {
    Failure::look("E-CERTS", error, "look at the names that were given")
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::input("E-CERTS-READ", format!("{}: {error}", path.display()), "mend it, or name another folder with --dir")
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::look("E-CERTS-WRITE", format!("{}: {error}", path.display()), "make the folder writable")
}
