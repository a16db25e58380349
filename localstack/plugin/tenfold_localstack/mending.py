"""Where LocalStack 4.9.2 refuses or misreads a template that AWS takes: put right when it starts.

Each function here names the difference. It can go when LocalStack no longer has it.
"""

from functools import lru_cache


def mend() -> None:
    _alarm_numbers_from_parameters()
    _binary_answers_of_any_media_type()
    _bodies_that_are_encoded()
    _bodies_that_are_forms()
    _connections_that_are_idle()
    _what_is_parsed_over_and_over()


def _alarm_numbers_from_parameters() -> None:
    """CloudFormation's parameters are text; AWS makes numbers of them, LocalStack's alarms do not.

    Of an alarm itself it does with all but the threshold, of the metrics in a formula with none.
    """
    from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import (
        CloudWatchAlarmProvider,
    )

    original = CloudWatchAlarmProvider.create

    def create(self, request):
        threshold = request.desired_state.get("Threshold")
        if isinstance(threshold, str):
            request.desired_state["Threshold"] = float(threshold)
        for query in request.desired_state.get("Metrics") or []:
            for part in (query, query.get("MetricStat", {})):
                if isinstance(part.get("Period"), str):
                    part["Period"] = int(part["Period"])
        return original(self, request)

    CloudWatchAlarmProvider.create = create


def _binary_answers_of_any_media_type() -> None:
    """An API whose binary media types are `*/*` decodes a function's base64 answer for every caller.

    LocalStack skips that entry, and the caller gets the base64.
    """
    from localstack.services.apigateway.next_gen.execute_api.integrations import aws

    original = aws.mime_type_matches_binary_media_types

    def matches(mime_type: str | None, binary_media_types: list[str]) -> bool:
        return "*/*" in (binary_media_types or []) or original(mime_type, binary_media_types)

    aws.mime_type_matches_binary_media_types = matches


def _bodies_that_are_encoded() -> None:
    """API Gateway hands a body with a `Content-Encoding` on as it came, unless the API compresses.

    LocalStack decodes what is gzip, as it has to for the calls of AWS's own services, and says `identity`.
    """
    from localstack.aws.handlers.codec import ContentDecoder

    original = ContentDecoder.__call__

    def decode(self, chain, context, response):
        host, path = context.request.host, context.request.path
        if ".execute-api." not in host and "/_user_request_" not in path and "/_aws/execute-api/" not in path:
            original(self, chain, context, response)

    ContentDecoder.__call__ = decode


def _bodies_that_are_forms() -> None:
    """API Gateway hands a form on as it came, byte by byte, and anything that only calls itself one.

    LocalStack parses it: of a POST it makes another form with the same fields, of a PUT nothing is
    left. Its web server parses it before that, and hangs up when it cannot.
    """
    from localstack.services.apigateway.next_gen.execute_api.handlers import parse
    from twisted.web import http

    parse.restore_payload = lambda request: request.get_data()
    http._getMultiPartArgs = lambda content, content_type: {}


# After how many seconds an idle connection is closed.
IDLE = 3600


def _connections_that_are_idle() -> None:
    """A state machine's call of another service reaches it, also after a minute without any.

    LocalStack's web server closes a connection that was idle for a minute, and its Step Functions, which keep theirs
    and never repeat a call, fail with one that is being closed.
    """
    from rolo.serving.twisted import TwistedGateway

    original = TwistedGateway.buildProtocol

    def build(self, address):
        channel = original(self, address)
        channel.timeOut = IDLE
        return channel

    TwistedGateway.buildProtocol = build


def _what_is_parsed_over_and_over() -> None:
    """Not a difference, but a sixth of LocalStack's time in the end-to-end tests: its web server reads the same few
    media types with the parser of mails, for every request, and Step Functions makes a parser's tables anew for every
    path.
    """
    from localstack.services.stepfunctions.asl.utils import json_path
    from twisted.web import http

    http._parseContentType = lru_cache(maxsize=1024)(http._parseContentType)
    json_path.parse = lru_cache(maxsize=1024)(json_path.parse)
