//! The deterministic world held against LocalStack: the same generated calls, the same answers.
//!
//! Each area generates sequences of port calls and makes them in the world (without faults) and, through
//! `tenfold-aws`, on LocalStack; or state machines, and runs them in `tenfold_world::flow` and on LocalStack. Answers are compared after normalization: ids, receipts and times are each
//! side's own. A sequence that differs is made small and printed with its seed; `TENFOLD_SEQUENCE=<area>:<seed>`
//! runs it alone, and a line in `regressions.txt` keeps it. `TENFOLD_CONFORMANCE` is what part of the sequences is
//! run, 1 for all. What is known to differ is in `DIFFERENCES.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this is a test")]

mod both;
mod limits;
mod machines;
mod mappings;
mod messages;
mod pages;
mod queues;
mod secrets;
mod suite;
mod tables;

use suite::Area;

#[test]
fn conditions() {
    Area::new("conditions", 80).workers(6).hold(tables::conditions, |both, calls| tables::run(both, calls));
}

#[test]
fn transactions() {
    Area::new("transactions", 60)
        .workers(6)
        .hold(tables::transactions, |both, calls| tables::run(both, calls));
}

#[test]
fn queries() {
    Area::new("queries", 80).workers(6).hold(pages::queries, pages::run);
}

#[test]
fn limits() {
    Area::new("limits", 8).workers(2).hold(limits::limits, limits::run);
}

#[test]
fn standard_queues() {
    Area::new("standard queues", 70).workers(24).hold(queues::standard, queues::run);
}

#[test]
fn fifo_queues() {
    Area::new("fifo queues", 70).workers(24).hold(queues::fifo, queues::run);
}

#[test]
fn redrive() {
    Area::new("redrive", 40).workers(12).hold(queues::redrive, queues::run);
}

#[test]
fn partial_batches() {
    Area::new("partial batches", 40).workers(12).hold(queues::partial, queues::run);
}

#[test]
fn secrets_by_reference() {
    Area::new("secrets", 20).workers(4).hold(secrets::calls, |both, calls| secrets::run(both, calls));
}

#[test]
fn state_machines() {
    Area::new("state machines", 80).workers(8).hold(machines::plan, machines::run);
}

#[test]
fn stream_batches() {
    Area::new("stream batches", 60).workers(12).hold(mappings::stream_plan, mappings::run_stream);
}

#[test]
fn queue_batches() {
    Area::new("queue batches", 40).workers(20).hold(mappings::queue_plan, mappings::run_queue);
}
