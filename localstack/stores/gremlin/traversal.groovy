// Queries begin with `g`, as in Neptune.
def globals = [:]
globals << [g : traversal().withEmbedded(graph)]
