//! Circuit breaker with retry queue: decisions and handlers over ports.
//!
//! In reading order:
//!
//! 1. What there is: [`names`], what a team configures ([`config`]), what can go wrong ([`error`]), what of
//!    a request goes through ([`passage`]), what is stored ([`rows`]).
//! 2. What is decided, without effects ([`decide`]): the window, the state machine, what an answer means,
//!    when to try again, whose turn it is.
//! 3. Effects that the functions share: how an environment takes part in the fleet's breakers ([`registry`]),
//!    one call of a target ([`call`]) and what it identifies itself by ([`credentials`]), how a request is put by ([`park`]), reading all targets
//!    ([`targets`]) and configuring one ([`configure`]).
//! 4. The three functions: [`gateway`], [`retry_processor`], [`health_monitor`].
//! 5. The same breakers for a service of your own, without the other parts: a [`guard`] in front of its calls, and
//!    [`configure`] for its target.
//! 6. [`metrics`] by their names, and the bugs that the world has to find ([`mutant`]).

pub mod call;
pub mod config;
pub mod configure;
pub mod credentials;
pub mod decide;
pub mod error;
pub mod gateway;
pub mod guard;
pub mod health_monitor;
pub mod metrics;
pub mod mutant;
pub mod names;
pub mod park;
pub mod passage;
pub mod registry;
pub mod retry_processor;
pub mod rows;
pub mod targets;
