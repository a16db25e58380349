//! The API in a world in which nothing goes wrong, and what is done to its trips.

use saga_core::api::Api;
use saga_core::context::SagaContext;
use saga_core::error::SagaError;
use saga_core::inventory::{Releases, Stock, StockId, StockKind};
use saga_core::names::SagaId;
use saga_core::rows::Partition;
use saga_core::steps::Steps;
use saga_core::trip::{self, Trip};
use serde_json::{Value, json};
use tenfold_ports::api::Response;
use tenfold_ports::{Clock, Context, Table};
use tenfold_world::{Env, request};

pub const FLIGHT: usize = 0;
pub const HOTEL: usize = 1;
pub const CAR: usize = 2;

pub struct Desk {
    pub env: Env,
    pub api: Api<Env, Env>,
}

pub fn desk(env: &Env) -> Desk {
    let definition = trip::definition().unwrap();
    let steps = Steps { table: env.clone(), runtime: env.clone(), definition };
    Desk { env: env.clone(), api: Api { steps } }
}

pub fn body() -> Value {
    json!({"style": "choreographed", "traveller": "Ada", "flight": "F", "hotel": "H", "car": "C",
        "from": "2030-01-01", "to": "2030-01-08"})
}

impl Desk {
    pub async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        let response = self.ask(method, path, &headers, body).await;
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = request(method, path, body);
        request.base = "/live".into();
        request.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        self.api.handle(&request, &Context::until(self.env.now())).await
    }

    pub async fn post(&self, key: &str, body: &Value) -> (u16, Value) {
        self.call("POST", "/trips", Some(key), body).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None, &Value::Null).await
    }

    pub async fn operate(&self, key: &str, what: &str, body: &Value) -> (u16, Value) {
        self.call("POST", &format!("/trips/{}/{what}", SagaId::of_key(key)), None, body).await
    }

    pub async fn put(&self, kind: StockKind, name: &str, available: i64, releases: Releases) {
        let id = StockId::parse(name).unwrap();
        self.env.write(Stock::put(kind, &id, available, releases)).await.unwrap();
    }

    pub async fn context(&self, key: &str) -> SagaContext<Trip> {
        let steps = &self.api.steps;
        let part = Partition::read(&self.env, &steps.definition, SagaId::of_key(key)).await.unwrap().unwrap();
        part.saga.context(part.saga.round)
    }

    pub async fn perform(&self, key: &str, at: usize) -> Result<(), SagaError> {
        self.api.steps.perform(at, &self.context(key).await).await.map(|_| ())
    }

    pub async fn undo(&self, key: &str, at: usize) -> Result<(), SagaError> {
        self.api.steps.undo(at, &self.context(key).await).await.map(|_| ())
    }

    /// A trip whose hotel cannot be given back.
    pub async fn stuck(&self, key: &str) {
        for kind in StockKind::ALL {
            let name = if kind == StockKind::Flight { "F" } else { "H" };
            self.put(kind, name, 5, Releases::Accepted).await;
        }
        assert_eq!(self.post(key, &body()).await.0, 202);
        self.perform(key, FLIGHT).await.unwrap();
        self.perform(key, HOTEL).await.unwrap();
        self.put(StockKind::Hotel, "H", 5, Releases::Refused).await;
        assert_eq!(self.operate(key, "cancel", &Value::Null).await.0, 202);
        self.undo(key, CAR).await.unwrap();
        self.undo(key, HOTEL).await.unwrap_err();
        self.undo(key, FLIGHT).await.unwrap();
    }
}

pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}
