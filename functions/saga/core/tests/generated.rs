//! What is checked in is what the definition says.

mod files;

#[test]
fn the_files_in_statemachines_are_generated_from_the_definition_as_it_is() {
    for (path, text) in files::all().unwrap() {
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == text,
            "{} is stale: run `cargo run -p saga-core --example generate` and look at what it changes",
            path.display()
        );
    }
}
