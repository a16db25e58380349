//! Requests from outside: how they come in, through the API, and back to who sent them.

use std::rc::Rc;

use rand_pcg::Pcg64Mcg;
use tenfold_ports::api::Request;

use super::agenda::Happening;
use super::function::{Event, Purpose};
use super::load::Arrivals;
use super::nanos::{MILLISECOND, Nanos, SECOND};
use super::simulation::Simulation;

impl Simulation {
    /// Who comes in: what the visitor with each number asks.
    pub fn visitors(&mut self, visitor: impl FnMut(u64, &mut Pcg64Mcg) -> Request + 'static) {
        self.load.visitor = Box::new(visitor);
    }

    /// The next visitor comes in.
    pub(super) fn arrive(&mut self) {
        let first = !std::mem::replace(&mut self.load.begun, true);
        if let (true, Arrivals::Clients(clients)) = (first, self.load.arrivals) {
            (0..clients).for_each(|_| self.come_in());
            return;
        }
        let (after, many) = self.load.next(self.now, &mut self.random);
        let come = std::mem::replace(&mut self.load.coming, many);
        (0..come).for_each(|_| self.come_in());
        if self.now + after < self.load.until {
            self.agenda.add(self.now + after, Happening::Arrival);
        }
    }

    /// Somebody comes in.
    pub(super) fn come_in(&mut self) {
        if self.now >= self.load.until {
            return;
        }
        let number = self.load.number;
        self.load.number += 1;
        self.recorder.came();
        if !self.api_lets_through() {
            return self.answered(self.now, 429, 0);
        }
        let request = Rc::new((self.load.visitor)(number, &mut self.random));
        let after = self.through_server("api.overhead") + self.draw("api.overhead") / 2;
        self.agenda.add(self.now + after, Happening::Request { request, arrived: self.now });
    }

    fn api_lets_through(&mut self) -> bool {
        let (rate, now) = (self.figures.requests(), self.clock());
        self.load.tokens.take(rate, 1.0, now)
    }

    /// A request has come through the API to its function.
    pub(super) fn request(&mut self, request: Rc<Request>, arrived: Nanos) {
        let Some(function) = self.api else { return self.answered(arrived, 404, 0) };
        if self.invoke(function, Event::Request(request), Purpose::Request { arrived }).is_err() {
            // API Gateway tells its own refusals as 429, and Lambda's as 500.
            self.answered(arrived, 500, 0);
        }
    }

    /// A request has its answer, after the function has worked for so long itself.
    pub(super) fn answered(&mut self, arrived: Nanos, status: u16, worked: Nanos) {
        let back = self.draw("api.overhead") / 2;
        let took = self.now - arrived + back;
        let late = took as f64 > self.figures.most("api.timeout") * SECOND as f64;
        self.recorder.answered(
            took / (MILLISECOND / 1_000),
            worked / (MILLISECOND / 1_000),
            if late { 504 } else { status },
            self.now < self.load.until,
        );
        // A client that has its answer sends its next request.
        if matches!(self.load.arrivals, Arrivals::Clients(_)) {
            self.agenda.add(self.now + back, Happening::Client);
        }
    }
}
