//! Names of what a run has several of.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            pub(crate) index: usize,
            pub(crate) name: &'static str,
        })*
    };
}

ids! {
    /// Names a queue of the world.
    QueueId,
    /// Names a topic of the world.
    TopicId,
    /// Names a bucket of the world.
    BucketId,
    /// Names an event bus of the world.
    BusId,
    /// Names a state machine of the world.
    MachineId,
}
