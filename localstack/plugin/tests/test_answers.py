import json

import pytest

from tenfold_localstack import errors

MIB = 1024 * 1024


def error_of(result) -> dict:
    assert result.answer.is_error
    return json.loads(result.answer.payload)


def test_an_answer_comes_back_as_it_was_given(function):
    assert function.ask("echo", value={"text": "grüße", "n": [1, None]}) == {
        "text": "grüße",
        "n": [1, None],
    }


def test_one_process_serves_one_invocation_after_another(function):
    first, second = function.ask("describe"), function.ask("describe")
    assert first["pid"] == second["pid"]
    assert first["headers"]["Lambda-Runtime-Aws-Request-Id"] == "request-1"
    assert second["headers"]["Lambda-Runtime-Aws-Request-Id"] == "request-2"


def test_next_carries_what_the_runtime_api_promises(function):
    headers = function.ask("describe")["headers"]
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:test"
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-2-3"
    assert headers["Lambda-Runtime-Deadline-Ms"].isdigit()


def test_a_chunked_answer_is_put_together(function):
    assert function.ask("chunks") == {"a": 1}


def test_six_mebibytes_go_in(function):
    text = "x" * (6 * MIB - 100)
    assert function.ask("length", text=text) > len(text)


def test_six_mebibytes_come_out(function):
    assert len(function.ask("large", bytes=6 * MIB)) == 6 * MIB - 2


def test_more_than_lambda_allows_is_refused(function):
    result = function.invoke("large", bytes=errors.MAX_RESPONSE_BYTES + 1)
    assert error_of(result)["errorType"] == "Function.ResponseSizeTooLarge"
    # The environment lives on, and the runtime was told.
    function.ask("echo", value=1)
    assert "status 413" in function.lines


def test_a_handlers_error_reaches_the_caller_unchanged(function):
    assert error_of(function.invoke("fail")) == {"errorType": "Refused", "errorMessage": "no"}


def test_a_stream_that_fails_halfway_is_an_error(function):
    assert error_of(function.invoke("fail halfway")) == {
        "errorType": "Broken",
        "errorMessage": "half-way",
    }


def test_an_answer_to_an_unknown_request_is_refused(function):
    status, body = function.ask("answer another")
    assert (status, body["errorType"]) == (400, "InvalidRequestID")


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (3, "Runtime exited with error: exit status 3"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_process_end_is_told_in_lambdas_words(returncode, words):
    assert errors.describe_exit(returncode) == words
