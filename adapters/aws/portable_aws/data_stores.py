"""Tables and buckets that a destroyed stack leaves behind, and deleting those that are named."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from portable.errors import ConfigurationError, InvalidArgument, Unavailable

from .deploy_clients import Account, DeployClients, is_absent
from .diff import DATA_STORES
from .errors import error_code
from .names import Names
from .stack_calls import MOST_POLLS, Pace, Resource
from .stacks import Template
from .template_data import STATE, TABLE, bucket_id, table_id

MOST_ROUNDS = 1000


class Store(NamedTuple):
    """One that is there, or was. `name` is the app's own, "" for the framework's and for what is declared no more."""

    kind: str
    name: str
    logical: str
    physical: str


class Owner(NamedTuple):
    """What the tags of one say."""

    app: str | None
    stage: str | None


def stores_in(template: Template) -> list[Store]:
    """Those of a template that have their names for good; all are in the root."""
    found: list[Store] = []
    for id, one in template.root["Resources"].items():
        if one["Type"] in DATA_STORES:
            kind, key = ("table", "TableName") if one["Type"] == TABLE else ("bucket", "BucketName")
            found.append(Store(kind, "", id, str(one["Properties"][key])))
    return found


def added(deployed: Template | None, wanted: Template) -> list[Store]:
    """Those that `wanted` has beyond what is deployed."""
    before = {one.physical for one in (stores_in(deployed) if deployed is not None else ())}
    return [one for one in stores_in(wanted) if one.physical not in before]


def other_name(names: Names) -> str:
    """What to do about one that is somebody else's."""
    return (
        "give the app, the stage or what is declared another name; "
        f"if it is yours after all, tag it: app={names.app}, stage={names.stage}"
    )


def chosen(known: Sequence[Store], named: Sequence[str]) -> list[Store]:
    """Those that are meant: by the app's name, `table:NAME`, logical id or physical name. Raises InvalidArgument."""
    found: list[Store] = []
    for text in named:
        hits = [
            one
            for one in known
            if text in (one.physical, one.logical) or (one.name and text in (one.name, f"{one.kind}:{one.name}"))
        ]
        if len(hits) != 1:
            listed = ", ".join(f"{one.kind}:{one.name}" if one.name else one.logical for one in known) or "none"
            what = "no data store" if not hits else "more than one data store"
            raise InvalidArgument(f"{what} is called {text!r}", hint=f"there are: {listed}")
        found += [one for one in hits if one not in found]
    return found


class DataStores:
    def __init__(self, clients: DeployClients, pace: Pace) -> None:
        self._clients = clients
        self._pace = pace

    def known(self, manifest: Mapping[str, Any], names: Names, there: Mapping[str, Resource]) -> list[Store]:
        """Those of the stack, and those that the app declares: a stack that is gone has left them."""
        declared = [
            Store("table", spec["name"], table_id(spec["name"]), names.table(spec["name"]))
            for spec in manifest["tables"]
        ]
        declared += [
            Store("bucket", spec["name"], bucket_id(spec["name"]), names.bucket(spec["name"]))
            for spec in manifest["buckets"]
        ]
        declared.append(Store("table", "", STATE, names.state_table()))
        ours = {one.physical for one in declared}
        others = [
            Store("table" if one.type == TABLE else "bucket", "", one.logical, one.physical)
            for one in there.values()
            if one.physical and one.physical not in ours
        ]
        return sorted([*declared, *others])

    def exists(self, one: Store, account: Account) -> bool:
        try:
            if one.kind == "table":
                self._clients.dynamodb.describe_table(TableName=one.physical)
            else:
                self._clients.s3.head_bucket(Bucket=one.physical, ExpectedBucketOwner=account.id)
        except Exception as error:
            if is_absent(error):
                return False
            raise
        return True

    def owner(self, one: Store, account: Account) -> Owner | None:
        """Whose it is by its tags; None if it is not there."""
        if not self.exists(one, account):
            return None
        try:
            tags = self._table_tags(one, account) if one.kind == "table" else self._bucket_tags(one, account)
        except Exception as error:
            if is_absent(error):
                return None
            raise
        return Owner(tags.get("app"), tags.get("stage"))

    def foreign(self, stores: Iterable[Store], names: Names, account: Account) -> Iterator[str]:
        """What is there and is not this app's stage's, and whose it is: names of two can be one.

        The table `prod-notes` of the app `shop` in `dev` and `notes` of `shop-dev` in `prod`, for instance.
        """
        for one in stores:
            owner = self.owner(one, account)
            if owner is not None and owner != Owner(names.app, names.stage):
                whose = (
                    f"is of {owner.app} in {owner.stage}" if owner.app and owner.stage else "is nobody's by its tags"
                )
                yield f"{one.kind} {one.physical} {whose}"

    def check_owner(self, stores: Iterable[Store], names: Names, account: Account, what: str) -> None:
        """Raises ConfigurationError for what is there and is not this app's stage's."""
        for found in self.foreign(stores, names, account):
            raise ConfigurationError(
                f"{found}, and is not {what} as one of {names.app} in {names.stage}", hint=other_name(names)
            )

    def check_taken_over(self, deployed: Template | None, wanted: Template, names: Names, account: Account) -> None:
        """The same for what `wanted` has beyond what is deployed: CloudFormation takes over what it finds by name."""
        self.check_owner(added(deployed, wanted), names, account, "taken over")

    def refusals(self, deployed: Template | None, wanted: Template, names: Names, account: Account) -> list[str]:
        """What `check_taken_over` would raise, all of it, as notes of a plan."""
        return [
            f"a deploy will be refused: {found}, and is not taken over; {other_name(names)}"
            for found in self.foreign(added(deployed, wanted), names, account)
        ]

    def _table_tags(self, one: Store, account: Account) -> dict[str, str]:
        arn = f"arn:{account.partition}:dynamodb:{account.region}:{account.id}:table/{one.physical}"
        found: dict[str, str] = {}
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer = self._clients.dynamodb.list_tags_of_resource(ResourceArn=arn, **more)
            found |= {str(tag["Key"]): str(tag["Value"]) for tag in answer.get("Tags", ())}
            token = answer.get("NextToken")
            if not token:
                return found

    def _bucket_tags(self, one: Store, account: Account) -> dict[str, str]:
        try:
            answer = self._clients.s3.get_bucket_tagging(Bucket=one.physical, ExpectedBucketOwner=account.id)
        except Exception as error:
            if error_code(error) == "NoSuchTagSet":
                return {}
            raise
        return {str(tag["Key"]): str(tag["Value"]) for tag in answer["TagSet"]}

    def delete(self, one: Store, account: Account) -> bool:
        """Deletes it with all that is in it, and waits until it is gone; whether it was there."""
        if not self.exists(one, account):
            return False
        if one.kind == "table":
            self._delete_table(one.physical)
        else:
            self._delete_bucket(one.physical, account)
        for _ in range(MOST_ROUNDS):
            if not self.exists(one, account):
                return True
            self._pace.wait(news=False)
        raise Unavailable(f"{one.kind} {one.physical} is not gone yet", hint="run it again")

    def wait_for_indexes(self, tables: Sequence[str], check: Callable[[], None]) -> None:
        """Waits until these tables take a change of their indexes: one that is being filled hinders the next.

        CloudFormation does not wait for that in every case. `check` is called meanwhile, and may raise.
        """
        for name in tables:
            for _ in range(MOST_POLLS):
                if self._is_ready(name):
                    break
                check()
                self._pace.wait(news=False)
            else:
                raise Unavailable(f"table {name}: an index is being filled for too long", hint="deploy again to go on")

    def _is_ready(self, name: str) -> bool:
        """Also a table that is gone: what has to be done about that, CloudFormation says."""
        try:
            found = self._clients.dynamodb.describe_table(TableName=name)["Table"]
        except Exception as error:
            if is_absent(error):
                return True
            raise
        states = [
            found.get("TableStatus"),
            *(one.get("IndexStatus") for one in found.get("GlobalSecondaryIndexes", ())),
        ]
        return all(state == "ACTIVE" for state in states)

    def _delete_table(self, name: str) -> None:
        dynamodb = self._clients.dynamodb
        found = dynamodb.describe_table(TableName=name)["Table"]
        if found.get("TableStatus") == "DELETING":
            return
        if found.get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)

    def _delete_bucket(self, name: str, account: Account) -> None:
        s3, where = self._clients.s3, {"Bucket": name, "ExpectedBucketOwner": account.id}
        while True:
            answer = s3.list_object_versions(**where)
            found = [
                {"Key": one["Key"], "VersionId": one["VersionId"]}
                for kind in ("Versions", "DeleteMarkers")
                for one in answer.get(kind, ())
            ]
            if not found:
                break
            failed = s3.delete_objects(**where, Delete={"Objects": found, "Quiet": True}).get("Errors")
            if failed:
                raise Unavailable(f"bucket {name}: {failed[0].get('Key')}: {failed[0].get('Message')}")
        while uploads := s3.list_multipart_uploads(**where).get("Uploads"):
            for upload in uploads:
                s3.abort_multipart_upload(**where, Key=upload["Key"], UploadId=upload["UploadId"])
        s3.delete_bucket(**where)
