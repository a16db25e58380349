"""The local platform's command line: see `localstack/tenfold --help`.

    paths          where things are
    say            progress, durations, and the one way to fail
    prerequisites  what a machine must have
    install        what goes into .local/, once
    ports          ports.env, and who holds a port
    maven          what comes from Maven, with its SHA-256
    daemon         a background process, known by its pid file
    stores         the real servers behind the stores of AWS
    server         LocalStack: start, stop, status
    build          the functions' binaries, as artifacts that `sam deploy` takes
    stacks         the state of a stack, and why it failed
    architecture   which processors a deployment to AWS is built for
    deploy         sam deploy, and .local/outputs.json

Standard library only, except `stacks`, `architecture` and `deploy`, which run in the tools' environment.
"""
