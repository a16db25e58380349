//! The core's tests: handlers in memory, and in the deterministic world.

#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in modules")]

mod ages;
mod api;
mod bodies;
mod budgets;
mod canary;
mod configuring;
mod credentials;
mod guard;
mod held_back;
mod history;
mod lab;
mod operating;
mod operating_many;
mod overtaken;
mod own_loop;
mod reconfigured;
mod refusing;
mod renewed;
mod rings;
mod scale;
mod scenarios;
mod tenants;
mod tending;
mod trace;
mod unreadable;
mod whole_http;
mod world;
mod world_invariants;
