"""What a program on the Python SDK does from its first user to its last file, against the server at argv[1]."""

import io
import json
import logging
import sys
import tempfile
import time

from projectdavid import Entity
from projectdavid_common.schemas.actions import ActionStatus

logging.disable(logging.CRITICAL)
base, admin_key = sys.argv[1], sys.argv[2]
MODEL = "hyperbolic/deepseek-ai/DeepSeek-V3"
done = 0


def check(name, holds):
    global done
    if not holds:
        raise SystemExit(f"not as the SDK needs it: {name}")
    done += 1
    print(f"ok  {name}")


admin = Entity(base_url=base, api_key=admin_key)
user = admin.users.create_user(email=f"ada{time.time_ns()}@example.com", full_name="Ada")
check("users.create_user", user.id.startswith("user_") and user.full_name == "Ada")
made = admin.keys.create_key_for_user(target_user_id=user.id, key_name="first")
check("keys.create_key_for_user", made.plain_key.startswith("ea_") and len(made.plain_key) == 46)
client = Entity(base_url=base, api_key=made.plain_key)
check("users.retrieve_user", client.users.retrieve_user(user.id).email == user.email)
check("users.update_user", client.users.update_user(user.id, given_name="A").given_name == "A")
second = client.keys.create_key(user.id, key_name="second", expires_in_days=3)
check("keys.list_keys", len(client.keys.list_keys(user.id)) == 2)
check("keys.get_key_details", client.keys.get_key_details(user.id, second.details.prefix).key_name == "second")
check("keys.revoke_key", client.keys.revoke_key(user.id, second.details.prefix) is True)
check("keys.revoke_key of none", client.keys.revoke_key(user.id, "ea_none0") is False)

assistant = client.assistants.create_assistant(name="Flights", model="m", instructions="Help.", temperature=0.7)
check("assistants.create_assistant", assistant.id.startswith("asst_") and assistant.temperature == 0.7)
check("assistants.update_assistant", client.assistants.update_assistant(assistant.id, name="F").name == "F")
check("assistants.retrieve_assistant", client.assistants.retrieve_assistant(assistant.id).name == "F")
client.assistants.associate_assistant_with_user(user.id, assistant.id)
check("assistants.list_assistants_by_user", assistant.id in [each.id for each in client.assistants.list_assistants_by_user(user.id)])

parameters = {"type": "object", "properties": {"departure": {"type": "string"}, "arrival": {"type": "string"}}, "required": ["departure", "arrival"]}
function = {"function": {"name": "get_flight_times", "description": "Times of flights.", "parameters": parameters}}
tool = client.tools.create_tool(name="get_flight_times", type="function", function=function)
client.tools.associate_tool_with_assistant(tool_id=tool.id, assistant_id=assistant.id)
check("tools.get_tool_by_id", client.tools.get_tool_by_id(tool.id).name == "get_flight_times")
check("tools.get_tool_by_name", client.tools.get_tool_by_name("get_flight_times").id == tool.id)
listed = client.tools.list_tools(assistant.id)
check("tools.list_tools", listed[0]["function"]["function"]["name"] == "get_flight_times")

thread = client.threads.create_thread(participant_ids=[user.id], meta_data={"topic": "flights"})
check("threads.retrieve_thread", client.threads.retrieve_thread(thread.id).meta_data == {"topic": "flights"})
check("threads.update_thread", client.threads.update_thread(thread.id, meta_data={"seat": "window"}).meta_data.get("seat") == "window")
check("threads.list_threads", client.threads.list_threads(user.id) == [thread.id])
question = client.messages.create_message(thread_id=thread.id, assistant_id=assistant.id, content="How long from LAX to JFK?")
check("messages.create_message", client.messages.retrieve_message(question.id).content == question.content)


def say(run, message):
    stream = client.synchronous_inference_stream
    stream.setup(user_id=user.id, thread_id=thread.id, assistant_id=assistant.id, message_id=message, run_id=run.id, api_key="none")
    chunks = list(stream.stream_chunks(provider="Hyperbolic", model=MODEL, timeout_per_chunk=15.0))
    return "".join(chunk.get("content") or "" for chunk in chunks)


run = client.runs.create_run(assistant_id=assistant.id, thread_id=thread.id)
check("runs.create_run", client.runs.retrieve_run(run.id).status == "queued")
called = json.loads(say(run, question.id))
check("a completion that calls a tool", called == {"name": "get_flight_times", "arguments": {"departure": "LAX", "arrival": "JFK"}})
check("runs.retrieve_run", client.runs.retrieve_run(run.id).status == "action_required")
pending = client.actions.get_pending_actions(run.id)
check("actions.get_pending_actions", len(pending) == 1 and pending[0]["tool_name"] == "get_flight_times")
executed = []


def execute(name, arguments):
    executed.append(name)
    return json.dumps({"hours": 5})


def act():
    clients = {"actions_client": client.actions, "messages_client": client.messages}
    place = {"run_id": run.id, "thread_id": thread.id, "assistant_id": assistant.id}
    return client.runs.poll_and_execute_action(**place, **clients, tool_executor=execute, timeout=3.0, interval=0.2)


check("runs.poll_and_execute_action", act() is True and executed == ["get_flight_times"])
check("nothing is executed twice", client.actions.get_pending_actions(run.id) == [])
check("actions.get_action", client.actions.get_action(pending[0]["action_id"]).status == "completed")
action = client.actions.update_action(pending[0]["action_id"], ActionStatus.completed, {"hours": 5})
check("actions.update_action", action.result == {"hours": 5})
check("the answer", say(run, "regenerated") == "The flight takes five hours.")
check("the run is over", client.runs.retrieve_run(run.id).status == "completed")
roles = [message["role"] for message in client.messages.get_formatted_messages(thread.id)]
check("messages.get_formatted_messages", roles == ["system", "user", "assistant", "tool", "assistant"])
check("messages.list_messages", len(client.messages.list_messages(thread.id)) == 4)

client.messages.create_message(thread_id=thread.id, assistant_id=assistant.id, content="And back?")
again = client.runs.create_run(assistant_id=assistant.id, thread_id=thread.id)
whole = client.inference.create_completion_sync("Hyperbolic", MODEL, thread.id, "m", again.id, assistant.id, api_key="none")
check("inference.create_completion_sync", "get_flight_times" in whole["choices"][0]["message"]["content"])
client.runs.cancel_run(again.id)
check("runs.cancel_run", client.runs.retrieve_run(again.id).status == "cancelled")
check("actions.get_actions_by_status", [each["status"] for each in client.actions.get_actions_by_status(again.id, "cancelled")] == ["cancelled"])

say_in_parts = {"thread_id": thread.id, "role": "assistant", "assistant_id": assistant.id, "sender_id": user.id}
check("messages.save_assistant_message_chunk", client.messages.save_assistant_message_chunk(content="In ", **say_in_parts) is None)
said = client.messages.save_assistant_message_chunk(content="parts.", is_last_chunk=True, **say_in_parts)
check("the last chunk", said.content == "In parts.")

with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    file.write("Five hours.")
    file.flush()
    stored = client.files.upload_file(file.name, user.id, "assistants")
check("files.upload_file", stored.id.startswith("file_") and stored.bytes == 11)
other = client.files.upload_file_object(io.BytesIO(b"more"), "more.md", user.id, "assistants")
check("files.upload_file_object", client.files.retrieve_file(other.id).filename == "more.md")
check("files.download_file_as_object", client.files.download_file_as_object(stored.id).read() == b"Five hours.")
check("files.get_file_as_base64", client.files.get_file_as_base64(stored.id) == "Rml2ZSBob3Vycy4=")
check("files.get_signed_url", "signature=" in client.files.get_signed_url(stored.id))
check("files.delete_file", bool(client.files.delete_file(stored.id)))

check("threads.delete_thread", client.threads.delete_thread(thread.id) is True)
check("threads.delete_thread of none", client.threads.delete_thread(thread.id) is False)
client.tools.disassociate_tool_from_assistant(tool_id=tool.id, assistant_id=assistant.id)
client.tools.delete_tool(tool.id)
check("tools.delete_tool", client.tools.list_tools(assistant.id) == [])
print(f"{done} steps, as the SDK needs them")
