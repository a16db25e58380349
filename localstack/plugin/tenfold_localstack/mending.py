"""Where LocalStack 4.9.2 refuses a template that AWS takes: put right when it starts.

Each function here names the difference. It can go when LocalStack no longer has it.
"""


def mend() -> None:
    _alarm_thresholds_from_parameters()


def _alarm_thresholds_from_parameters() -> None:
    """CloudFormation's parameters are text; AWS makes numbers of them, LocalStack's alarms do not."""
    from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import (
        CloudWatchAlarmProvider,
    )

    original = CloudWatchAlarmProvider.create

    def create(self, request):
        threshold = request.desired_state.get("Threshold")
        if isinstance(threshold, str):
            request.desired_state["Threshold"] = float(threshold)
        return original(self, request)

    CloudWatchAlarmProvider.create = create
