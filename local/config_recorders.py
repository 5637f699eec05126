"""What ministack's AWS Config lacks: recorders and delivery channels are deleted, have ARNs and tags, there is one of each
in a Region, and one asks for the other.

<https://docs.aws.amazon.com/config/latest/APIReference/API_Operations.html> names each refusal. Nothing is recorded or
delivered, so which bucket, key, topic and role Config takes is not tried.
"""

from __future__ import annotations

import json
from uuid import uuid4

from ministack.core import iam_actions
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import config

# The tags of recorders, by their ARNs.
_tags: dict = {}


def install() -> None:
    handle = config.handle_request
    played = {
        "DeleteConfigurationRecorder": delete_recorder,
        "DeleteDeliveryChannel": delete_channel,
        "ListTagsForResource": list_tags,
        "PutConfigurationRecorder": put_recorder,
        "PutDeliveryChannel": put_channel,
        "StartConfigurationRecorder": start_recorder,
    }

    async def answer(method, path, headers, body, query):
        act = played.get(headers.get("x-amz-target", "").rpartition(".")[2])
        return act(json.loads(body)) if act else await handle(method, path, headers, body, query)

    config.handle_request = answer
    extract = iam_actions.extract_resource_arn

    def named(service, method, path, headers, body, query, region, account):
        """The calls upon a recorder name it as none of the others do."""
        if service == "config":
            asked = json.loads(body or b"{}")
            name = asked.get("ConfigurationRecorderName") or asked.get("ConfigurationRecorder", {}).get("name")
            if name:
                return arn_of(name)
            if "ResourceArn" in asked:
                return asked["ResourceArn"]
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = named


def arn_of(name: str) -> str:
    stored = config._recorders.get(name)
    if stored and "arn" in stored["recorder"]:
        return stored["recorder"]["arn"]
    return f"arn:aws:config:{get_region()}:{get_account_id()}:configuration-recorder/{name}/{uuid4().hex[:16]}"


def put_recorder(asked: dict) -> tuple:
    name = asked["ConfigurationRecorder"]["name"]
    if any(other != name for other in config._recorders):
        return refused("MaxNumberOfConfigurationRecordersExceededException")
    arn, is_new = arn_of(name), name not in config._recorders
    answer = config._put_configuration_recorder(asked)
    config._recorders[name]["recorder"]["arn"] = arn
    if is_new:
        _tags[arn] = asked.get("Tags", [])
    return answer


def start_recorder(asked: dict) -> tuple:
    if not config._delivery_channels:
        return refused("NoAvailableDeliveryChannelException")
    return config._start_configuration_recorder(asked)


def delete_recorder(asked: dict) -> tuple:
    stored = config._recorders.pop(asked["ConfigurationRecorderName"], None)
    if stored is None:
        return refused("NoSuchConfigurationRecorderException")
    _tags.pop(stored["recorder"].get("arn"), None)
    return json_response({})


def put_channel(asked: dict) -> tuple:
    if not config._recorders:
        return refused("NoAvailableConfigurationRecorderException")
    if any(other != asked["DeliveryChannel"]["name"] for other in config._delivery_channels):
        return refused("MaxNumberOfDeliveryChannelsExceededException")
    return config._put_delivery_channel(asked)


def delete_channel(asked: dict) -> tuple:
    if asked["DeliveryChannelName"] not in config._delivery_channels:
        return refused("NoSuchDeliveryChannelException")
    if any(stored["recording"] for stored in config._recorders.values()):
        return refused("LastDeliveryChannelDeleteFailedException")
    del config._delivery_channels[asked["DeliveryChannelName"]]
    return json_response({})


def list_tags(asked: dict) -> tuple:
    tags = _tags.get(asked["ResourceArn"])
    return refused("ResourceNotFoundException") if tags is None else json_response({"Tags": tags})


def refused(code: str) -> tuple:
    return error_response_json(code, "refused, as AWS Config does", 400)
