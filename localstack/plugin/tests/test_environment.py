from tenfold_localstack.environment import function_environment


def test_localstacks_internals_are_left_out():
    offered = {
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": 128,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": 3,
        "LOCALSTACK_RUNTIME_ID": "x",
        "EDGE_PORT": "4566",
    }
    seen = function_environment(offered, {}, "/somewhere")
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert seen["LAMBDA_TASK_ROOT"] == "/somewhere"
    assert not seen.keys() & {"AWS_LAMBDA_FUNCTION_TIMEOUT", "LOCALSTACK_RUNTIME_ID", "EDGE_PORT"}


def test_the_functions_own_variables_win():
    own = {"LANG": "C", "EDGE_PORT": "mine", "LOCALSTACK_HINT": "mine"}
    seen = function_environment({"EDGE_PORT": "4566"}, own, "/somewhere")
    assert own.items() <= seen.items()
