"""Lambda functions as processes: what LocalStack needs to run this suite without Docker.

Read in this order:
    errors         the error payloads that a caller of Lambda sees
    runtime_api    the HTTP API between Lambda and a function's `bootstrap`
    process        one `bootstrap` process: its environment, its output, its end
    sandbox        one execution environment: a process, its API, its deadlines, its log
    emf            Embedded Metric Format lines -> CloudWatch metric data
    shipper        sends metrics and late log lines, off the invocation's path
    environment    the variables that a function sees
    executor       LocalStack's RuntimeExecutor interface on a sandbox
    emulators      DynamoDB Local from the jars in .local/; no emulator outlives LocalStack
    event_sources  several batches of a queue, and several shards of a stream, at once
    table_changes  a table's changes in a Kinesis stream
    mending        where LocalStack misreads a template
    hooks          what LocalStack loads (see pyproject.toml)

Everything above `shipper` knows nothing of LocalStack, and is tested without it.
"""
