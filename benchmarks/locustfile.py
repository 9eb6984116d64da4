"""Who is on the site during `./run bench load`: people who look at pages, tools that page, and tools that stream."""

import json
import os
import time
from itertools import cycle

import gevent
from locust import HttpUser, between, constant_pacing, task

GIVEN = json.loads(os.environ.get("BENCH_LOAD", "{}"))


class Person(HttpUser):
    """Somebody with a browser, who is signed in."""

    weight = 4
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        self.client.cookies.update(GIVEN["cookies"])
        self.pages = cycle(GIVEN["pages"].items())

    @task
    def look(self) -> None:
        name, page = next(self.pages)
        self.client.get(page, name=f"page: {name}", allow_redirects=False)


class Tool(HttpUser):
    """Somebody's program, that pulls members and changes page by page."""

    weight = 3
    wait_time = between(0.1, 0.4)

    def on_start(self) -> None:
        self.client.headers["Authorization"] = f"Bearer {GIVEN['key']}"
        self.at = ""

    @task(3)
    def members(self) -> None:
        url = self.at or f"/api/v1/segmentations/{GIVEN['slug']}/members?page_size=1000"
        with self.client.get(url, name="API: 1,000 members", catch_response=True) as answer:
            # A cursor is pinned to the run that was in use; where another one is by now, a tool begins again.
            self.at = (answer.json().get("next") or "") if answer.status_code == 200 else ""
            if answer.status_code == 410:
                answer.success()

    @task(2)
    def changes(self) -> None:
        url = f"/api/v1/segmentations/{GIVEN['slug']}/changes?since=0&page_size=100"
        self.client.get(url, name="API: 100 changes")

    @task(1)
    def me(self) -> None:
        self.client.get("/api/v1/me", name="API: me")


class Puller(HttpUser):
    """Somebody's program, that takes everybody in one answer."""

    weight = 1
    wait_time = constant_pacing(5)

    @task
    def stream(self) -> None:
        headers = {"Authorization": f"Bearer {GIVEN['key']}", "Accept": "text/csv"}
        url = f"/api/v1/segmentations/{GIVEN['slug']}/members"
        began, size, problem = time.perf_counter(), 0, None
        try:
            asked = {"headers": headers, "stream": True, "name": "first byte", "catch_response": True}
            with self.client.request("GET", self.host + url, **asked) as answer:
                answer.raise_for_status()
                for chunk in answer.iter_content(65536):
                    size += len(chunk)
                    gevent.sleep(0)
        except Exception as error:
            problem = error
        self.environment.events.request.fire(
            request_type="GET",
            name="API: everybody as CSV",
            response_time=1000 * (time.perf_counter() - began),
            response_length=size,
            exception=problem,
            context={},
        )
