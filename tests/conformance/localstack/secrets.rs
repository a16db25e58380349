//! Secrets that are put and read: parameters of Systems Manager, and secrets of Secrets Manager.

use proptest::collection::vec;
use proptest::prelude::*;
use smol_str::format_smolstr;
use tenfold_ports::Secrets;
use tenfold_ports::secrets::{Secret, SecretError, SecretReference, SecretSource};

use crate::both::{Both, ask, in_quiet_world};
use crate::suite::{Compared, Failure};

/// How many parameters, and how many secrets, a sequence is about.
const PLACES: usize = 3;

/// One call.
#[derive(Debug, Clone)]
pub struct SecretCall {
    /// Which of the places, and whether it is a parameter.
    place: usize,
    is_parameter: bool,
    /// What is put there; none: it is read.
    text: Option<String>,
}

pub fn calls() -> impl Strategy<Value = Vec<SecretCall>> {
    // Systems Manager refuses a value with two opening braces.
    let text = proptest::option::weighted(0.4, "[!-z|~]{1,40}");
    let call = (0..PLACES, any::<bool>(), text);
    vec(call.prop_map(|(place, is_parameter, text)| SecretCall { place, is_parameter, text }), 1..12)
}

pub fn run(both: &Both, calls: &[SecretCall]) -> Compared {
    let prefix = Both::full_name(&Both::name());
    let secrets = both.secrets();
    in_quiet_world(|world| {
        for (i, call) in calls.iter().enumerate() {
            let source = if call.is_parameter {
                SecretSource::Parameter(format_smolstr!("/{prefix}/{}", call.place))
            } else {
                SecretSource::Secret(format_smolstr!("{prefix}/{}", call.place))
            };
            if let Some(text) = &call.text {
                both.put_secret(&source, text)?;
                world.put_secret(&SecretReference { source, field: None }, text);
                continue;
            }
            let there = said(&both.local(secrets.get(&source)));
            let here = said(&ask(world, |env| async move { Secrets::get(&env, &source).await }));
            if there != here {
                return Err(Failure::Differs(format!("call {i}: the world says {here}, LocalStack {there}")));
            }
        }
        Ok(calls.len())
    })
}

fn said(secret: &Result<Secret, SecretError>) -> String {
    secret.as_ref().map_or_else(ToString::to_string, |secret| format!("{:?}", secret.reveal()))
}
