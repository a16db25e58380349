"""The circuit breaker at work: a payment service fails, and every payment is taken once."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from circuit_breaker.api import Api, Guarded, when
from stack import SCHEDULE, Stack
from target import Behaviour, Target
from telling import bar, bold, paint, promised, say, step, watch

TITLE = "Tenfold: a payment service fails, and no payment is lost"
CONFIG = {
    # Nothing of the story is about being slow, so a slow machine has room.
    "timeoutMs": 10_000,
    "window": {"type": "count", "size": 10},
    "minimumCalls": 5,
    "failureRateThreshold": 50,
    "halfOpenProbes": 2,
    "openDurationMs": 3000,
    "maxOpenDurationMs": 6000,
    "retry": {"baseDelayMs": 500, "maxDelayMs": 2000},
}


@dataclass
class Payment:
    number: int
    key: str
    first: str = ""
    request_id: str | None = None
    last: str = ""
    attempts: int = 1


class Story:
    def __init__(self, stack: Stack, target: Target) -> None:
        self.stack = stack
        self.api = Api(stack.outputs["ApiUrl"])
        name = f"payments-{uuid.uuid4().hex[:6]}"
        self.guarded = Guarded(self.api, target.endpoint(name))
        self.health = target.endpoint(name + "-health")
        self.payments: list[Payment] = []
        self.step_number = 0

    def tell(self) -> None:
        self.configure()
        self.pays_normally()
        self.starts_to_fail()
        self.is_left_alone()
        self.heals()
        self.drains()
        self.settles()

    # --- The story ---

    def configure(self) -> None:
        self.step("A payment service, and a breaker in front of it")
        say(f"the service is a real one, at {self.guarded.service.url}")
        self.guarded.configure(healthUrl=self.health.url, **CONFIG)
        say(f"PUT /targets/{self.guarded.name}: opens when 50 % of at least 5 calls fail, for 3 s at first")
        self.show()

    def pays_normally(self) -> None:
        self.step("A payment while all is well")
        payment = self.pay()
        promised(payment.first == "200", f"a healthy service's answer is passed on, not {payment.first}")
        again = self.guarded.send(payment.key, body=self.body(payment))
        promised(
            again.headers.get("Idempotent-Replayed") == "true", "the same key gets the first answer again"
        )
        promised(self.calls() == 1, "the same key does not reach the service twice")
        say("the same Idempotency-Key again: 200 from the gateway's memory, the service was not asked")

    def starts_to_fail(self) -> None:
        self.step("The service starts to fail")
        say("first it charges and the connection breaks: nobody can know. Then it answers 503.")
        # The first and last thing that the service does right is to charge.
        self.guarded.service.does(Behaviour(mode="close-mid-body"), status=503)
        self.health.does(status=503)
        while (view := self.guarded.view())["state"] == "closed":
            promised(len(self.payments) < 20, "the breaker opens after 5 failures")
            payment = self.pay()
            promised(payment.first == "202", f"a failed payment is parked, not answered {payment.first}")
        # Half-open where the machine is slower than the break is long.
        promised(view["state"] in ("open", "halfOpen"), "the breaker opens by itself")
        say(f"the breaker opened: {view['reason']}")
        self.show(view)

    def is_left_alone(self) -> None:
        self.step("Payments go on coming in")
        ttl = 10 * int(self.stack.environment("GatewayFunction")["STATE_TTL_MS"]) / 1000
        opened = self.guarded.view()
        # After a TTL every environment has read it; and until the break is over nobody probes.
        time.sleep(ttl)
        until = when(opened["openUntil"]) if "openUntil" in opened else 0.0
        quiet: list[str] = []
        for _ in range(5):
            payment = self.pay()
            promised(payment.first == "202", f"an open breaker parks, it does not answer {payment.first}")
            if time.time() < until:
                quiet.append(payment.key)
        promised(
            not any(call.key in quiet and call.began < until for call in self.guarded.service.posts),
            "nobody calls the service while the breaker is open",
        )
        say("5 payments are promised (202), and the service is left alone")
        self.show()

    def heals(self) -> None:
        self.step("The service heals, and a few probes find out")
        self.guarded.service.does()
        self.health.does()
        opened = self.guarded.view()
        if opened["state"] == "open":
            until = when(opened["openUntil"])
            watch(
                "the break lasts",
                lambda: until - time.time(),
                lambda left: left < 0,
                lambda left: f"{max(0, left):.1f} s",
            )
        say("the health monitor asks: a schedule calls it every minute, and here we call it ourselves, now")
        view = watch(
            "the breaker", self.probed, lambda v: v["state"] == "closed", lambda v: v["state"], within=120
        )
        say(f"the breaker closed: {view['reason']}")
        self.show(view)

    def drains(self) -> None:
        self.step("What was parked is delivered")
        say("the message that the closing has sent brings the retry processor")
        waiting = [payment for payment in self.payments if payment.request_id]

        def look() -> int:
            for payment in waiting:
                if payment.last != "delivered":
                    request = self.guarded.request(payment.request_id or "")
                    payment.last, payment.attempts = request["status"], len(request["attempts"])
            return sum(payment.last == "delivered" for payment in waiting)

        watch(
            "delivered",
            look,
            lambda n: n == len(waiting),
            lambda n: f"{n} of {len(waiting)} {bar(n, len(waiting))}",
            within=180,
        )
        self.show()

    def settles(self) -> None:
        self.step("The service's own books")
        effects = self.guarded.service.effects
        for payment in self.payments:
            promised(effects[payment.key] >= 1, f"payment {payment.number} was charged")
        promised(len(effects) == len(self.payments), "nothing was charged that nobody asked for")
        repeated = [payment.number for payment in self.payments if effects[payment.key] > 1]
        promised(repeated in ([], [2]), "no payment comes twice but the one whose answer was lost")
        say(f"{len(self.payments)} payments, {len(effects)} charges, each once.")
        if repeated:
            say("payment 2, whose answer was lost, came again with the same key: the ledger had it already")
        view = self.guarded.view()
        promised(view["queue"]["waiting"] == 0, "nothing waits any more")
        promised(view["queue"]["dead"] == 0, "nothing was given up")
        deleted = self.api.delete_target(self.guarded.name)
        promised(deleted.status_code == 204, "a target that nobody waits for can be deleted")

    # --- What the steps are made of ---

    def pay(self) -> Payment:
        payment = Payment(len(self.payments) + 1, f"payment-{uuid.uuid4().hex[:10]}")
        began = time.monotonic()
        answer = self.guarded.send(payment.key, body=self.body(payment))
        took = (time.monotonic() - began) * 1000
        payment.first = str(answer.status_code)
        self.payments.append(payment)
        if answer.status_code == 202:
            payment.request_id = answer.json()["requestId"]
            words = "parked, to be delivered"
        else:
            payment.last = words = "answered by the service"
        say(f"payment {payment.number:>2}: {paint(payment.first)} in {took:3.0f} ms, {words}")
        return payment

    def body(self, payment: Payment) -> bytes:
        return b'{"card": "4242", "amount": %d}' % (payment.number * 10)

    def calls(self) -> int:
        return len(self.guarded.service.posts)

    def probed(self) -> dict[str, Any]:
        if (view := self.guarded.view())["state"] != "closed":
            self.stack.invoke("HealthMonitorFunction", SCHEDULE)
            view = self.guarded.view()
        return view

    def step(self, title: str) -> None:
        self.step_number += 1
        step(self.step_number, title)

    def show(self, view: dict[str, Any] | None = None) -> None:
        view = view or self.guarded.view()
        window, queue = view["window"], view["queue"]
        say(
            f"state {paint(view['state'])}, epoch {view['epoch']}, window {window['failed']} failed "
            f"of {window['calls']}, waiting {queue['waiting']}, dead {queue['dead']}, "
            f"the service saw {self.calls()} calls"
        )

    def summary(self) -> None:
        effects = self.guarded.service.effects
        print(f"\n{bold('payment  first answer  in the end             attempts  calls seen  charged')}")
        for payment in self.payments:
            calls = len(self.guarded.calls_of(payment.key))
            charged = "once" if effects[payment.key] else "NO"
            print(
                f"{payment.number:>7}  {payment.first:<12}  {payment.last:<21}  {payment.attempts:>8}  "
                f"{calls:>10}  {charged:>7}"
            )


def tell(stack: Stack) -> str:
    """Tells the story, and gives in a few words what came of it."""
    with Target() as target:
        story = Story(stack, target)
        try:
            story.tell()
        finally:
            if story.payments:
                story.summary()
    return f"{len(story.payments)} payments, every one charged exactly once."
