"""test_search_failures: each failure a word in `query` asks for is the one the README names."""

from __future__ import annotations

import re
import urllib.parse

import httpx
import pytest

from asking import client_of, get_with, headers_of, look
from launcher import Standin


def next_of(response: httpx.Response) -> str | None:
    given: str | None = response.json()["result_info"]["next"]
    return given


def origin_of(server: Standin, where: str) -> str:
    port = urllib.parse.urlsplit(server.origin).port
    return {
        "": server.origin,
        "-url": server.origin,
        "-path": "",
        "-elsewhere": server.raw_base_url.removesuffix("/client/v4"),
        "-host": f"https://127.0.0.1:{port}",
        "-plain": server.plain_base_url.removesuffix("/client/v4"),
    }[where]


def follow(server: Standin, url: str, account: int = 0) -> httpx.Response:
    whole = url if "://" in url else server.origin + url
    with client_of(server) as client:
        return client.get(whole, headers=headers_of(server, server.accounts[account].id))


def test_a_repeated_cursor_never_ends(server: Standin) -> None:
    first = look(server, query="standin-repeated-cursor", per_page=2)
    cursor = next_of(first)
    assert cursor is not None
    for _ in range(3):
        again = look(server, query="standin-repeated-cursor", per_page=2, cursor=cursor)
        assert next_of(again) == cursor
        assert again.json()["result"] == first.json()["result"]


def test_cycling_cursors_come_back_to_the_first(server: Standin) -> None:
    seen: list[str | None] = [next_of(look(server, query="standin-cycling-cursors", per_page=2))]
    for _ in range(4):
        cursor = seen[-1] or ""
        seen.append(
            next_of(look(server, query="standin-cycling-cursors", per_page=2, cursor=cursor))
        )
    assert seen[0] == seen[2] == seen[4] != seen[1] == seen[3]


@pytest.mark.parametrize("where", ["", "-url", "-path", "-elsewhere", "-host", "-plain"])
def test_next_may_be_a_url_here_or_elsewhere(server: Standin, where: str) -> None:
    wanted = look(server, per_page=1000).json()["result"]
    found = []
    response = look(server, query=f"standin-next-url{where}", per_page=4)
    while True:
        found += response.json()["result"]
        url = next_of(response)
        if url is None:
            break
        assert url.startswith(origin_of(server, where) + "/client/v4/accounts/")
        if where == "-elsewhere":
            # Only a client that must not go there would; the log shows when one does.
            assert follow(server, url).status_code == 404
            assert server.requests()[-1]["server"] == "raw"
            return
        response = follow(server, url)
    assert found == wanted


@pytest.mark.parametrize("where", ["", "-path", "-elsewhere"])
def test_the_next_page_may_be_named_in_a_link_header_only(server: Standin, where: str) -> None:
    wanted = look(server, per_page=1000).json()["result"]
    found = []
    response = look(server, query=f"standin-link{where}", per_page=5)
    while True:
        found += response.json()["result"]
        assert next_of(response) is None
        match = re.search(r'<([^>]*)>; title="a, b"; rel="next"', response.headers.get("link", ""))
        if match is None:
            break
        assert match[1].startswith(origin_of(server, where) + "/client/v4/accounts/")
        if where == "-elsewhere":
            return
        assert response.links["next"]["url"] == match[1]
        response = follow(server, match[1])
    assert found == wanted


@pytest.mark.parametrize("where", ["", "-path", "-url", "-host", "-plain"])
@pytest.mark.parametrize("polls", [0, 2])
def test_an_accepted_search_is_ready_after_that_many_polls(
    server: Standin, polls: int, where: str
) -> None:
    word = f"standin-202-{polls}{where}"
    response = look(server, query=word, per_page=3)
    assert response.json()["result"] is None
    for _ in range(polls + 1):
        assert response.status_code == 202
        assert "retry-after" not in response.headers
        url = response.headers["location"]
        assert url.startswith(origin_of(server, where or "-path") + "/client/v4/accounts/")
        response = follow(server, url)
    assert response.status_code == 200
    document = response.json()
    wanted = look(server, per_page=1000).json()["result"]
    assert document["result"] == wanted[:3]
    rest = look(server, query=word, per_page=3, cursor=document["result_info"]["next"])
    assert rest.json()["result"] == wanted[3:6]


def test_an_accepted_search_may_name_a_wait(server: Standin) -> None:
    response = look(server, query="standin-202-1-retry-2")
    assert response.headers["retry-after"] == "2"
    polled = follow(server, response.headers["location"])
    assert (polled.status_code, polled.headers["retry-after"]) == (202, "2")
    assert follow(server, response.headers["location"]).status_code == 200


def test_an_accepted_search_may_never_be_ready(server: Standin) -> None:
    response = look(server, query="standin-202-for-ever")
    for _ in range(5):
        assert response.status_code == 202
        response = follow(server, response.headers["location"])
    assert "location" not in look(server, query="standin-202-no-location").headers


def test_an_accepted_search_may_point_elsewhere_and_a_request_there_shows(server: Standin) -> None:
    response = look(server, query="standin-202-0-elsewhere")
    assert response.headers["location"].startswith(origin_of(server, "-elsewhere") + "/")
    assert [entry["server"] for entry in server.requests()] == ["api"]
    assert follow(server, response.headers["location"]).status_code == 404
    assert [entry["server"] for entry in server.requests()] == ["api", "raw"]


def test_a_kept_result_is_its_accounts_own_and_needs_a_credential(server: Standin) -> None:
    url = look(server, query="standin-202-0").headers["location"]
    with client_of(server) as client:
        assert client.get(server.origin + url).status_code == 400
    foreign = url.replace(server.accounts[0].id, server.accounts[4].id)
    assert follow(server, foreign, 4).status_code == 404
    other = server.credential(server.accounts[4].id)
    assert get_with(server, other, url.removeprefix("/client/v4")).status_code == 403
    assert follow(server, url).status_code == 200
    server.reset()
    assert follow(server, url).status_code == 404


def test_a_page_may_fail_as_a_trace_may(server: Standin) -> None:
    word = "standin-page3-fail-500-once"
    first = look(server, query=word, per_page=2)
    second = look(server, query=word, per_page=2, cursor=next_of(first) or "")
    third = next_of(second) or ""
    assert first.status_code == second.status_code == 200
    statuses = [look(server, query=word, per_page=2, cursor=third).status_code for _ in range(3)]
    assert statuses == [500, 200, 200]
    word = "standin-page2-fail-429-7"
    second_cursor = next_of(look(server, query=word, per_page=2)) or ""
    for _ in range(2):
        limited = look(server, query=word, per_page=2, cursor=second_cursor)
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert look(server, query="standin-page1-bad-truncated").text[-1] != "}"
    assert look(server, query="standin-page1-slow-20").status_code == 200


def test_results_of_the_wrong_shape_come_with_status_200(server: Standin) -> None:
    assert isinstance(look(server, query="standin-not-a-list").json()["result"], dict)
    assert look(server, query="standin-null-result").json()["result"] is None
    assert look(server, query="standin-success-false").json()["success"] is False
    assert "result_info" not in look(server, query="standin-no-info").json()
    odd = look(server, query="standin-odd-items").json()["result"]
    assert odd[:5] == [None, 7, "text", [], {}]
    assert [item["id"] for item in odd[5:8]] == [None, 7, ""]
    assert odd[8] == look(server).json()["result"][0]


def test_a_page_of_ten_thousand_items_is_served(server: Standin) -> None:
    document = look(server, query="standin-items-10000", per_page=10_000).json()
    assert len({item["id"] for item in document["result"]}) == 10_000
    assert document["result_info"]["next"] is None
    assert next_of(look(server, query="standin-items-10000", per_page=9_999)) is not None


def test_the_rest_of_the_query_still_filters(server: Standin) -> None:
    wanted = look(server, query="quarterly").json()["result"]
    assert 0 < len(wanted) < len(look(server).json()["result"])
    assert look(server, query="standin-next-url quarterly").json()["result"] == wanted
