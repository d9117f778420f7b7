"""What each service of Google Cloud is in this stack, and whose code that is: for the portability report."""

from importlib.metadata import version

from portable.testing.conformance.harness import Stand

EMULATOR = f"gcp-storage-emulator {version('gcp-storage-emulator')}"

STANDS = {
    "firestore": Stand("our Firestore, over Google's protocol buffers", "fake"),
    "storage": Stand(f"{EMULATOR} behind our strict front", "emulator"),
    "storage.conditions": Stand(f"our front of {EMULATOR}: preconditions, generations, paging", "fake"),
    "storage.signed": Stand(f"our front of {EMULATOR}: V4 signatures, checked with the stack's own key", "fake"),
    "storage.events": Stand("our notifications of Cloud Storage", "fake"),
    "cloudtasks": Stand("our Cloud Tasks", "fake"),
    "pubsub": Stand("our Pub/Sub", "fake"),
    "cloudscheduler": Stand("our Cloud Scheduler", "fake"),
    "secretmanager": Stand("our Secret Manager", "fake"),
    "iamcredentials": Stand("our signBlob, with a key of the stack", "fake"),
    "eventarc": Stand("our Eventarc; the function's code in the test's process", "fake"),
    "run.http": Stand("the function's code in the test's process, given requests as gunicorn has them", "fake"),
    "run.background": Stand("the function's code in the test's process, given what the stack sends", "fake"),
}
