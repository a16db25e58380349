//! What whoever acts on a saga is given: which one, in which round, led by whom, and what it is about.

use std::fmt::Debug;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tenfold_ports::{Carrier, Context};
use tracing::Span;

use crate::names::SagaId;

/// What a saga is about. It is implemented for all types that qualify.
pub trait Payload:
    Serialize + DeserializeOwned + Clone + PartialEq + Hash + Debug + Send + Sync + 'static
{
}

impl<P: Serialize + DeserializeOwned + Clone + PartialEq + Hash + Debug + Send + Sync + 'static> Payload
    for P
{
}

/// Who leads a saga on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// A state machine does.
    Orchestrated,
    /// The services do, by each other's events.
    Choreographed,
}

impl Style {
    /// Returns the style's name, as rows, messages and answers have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orchestrated => "orchestrated",
            Self::Choreographed => "choreographed",
        }
    }
}

/// The saga that somebody acts on, and in which round. As JSON it is the input of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SagaContext<P> {
    /// The saga's id.
    pub saga: SagaId,
    /// How often the saga's doing or undoing was begun before: 0 to [`ROUND_MOST`](crate::rows::ROUND_MOST).
    pub round: u32,
    /// Who leads the saga on.
    pub style: Style,
    /// What the saga is about.
    pub payload: P,
    /// The trace and the correlation id of what began the work: a request, or the step before. Inputs of before have
    /// neither.
    #[serde(flatten)]
    pub carrier: Carrier,
}

impl<P> SagaContext<P> {
    /// Returns the same, in the trace and under the correlation id of `carrier`.
    #[must_use]
    pub fn carried_by(self, carrier: Carrier) -> Self {
        Self { carrier, ..self }
    }
}

/// Returns the span under which it is logged what is done for a saga. An error span, since an error must name its
/// work whatever the level.
pub(crate) fn span(saga: SagaId, context: &Context) -> Span {
    tracing::error_span!(
        "saga",
        %saga,
        correlation_id = context.correlation.as_str(),
        trace_id = context.trace.trace_id(),
    )
}
