"""The local store: one SQLite database and a folder of objects, written by one Engine.

Data folder: `store.sqlite` (WAL), `objects/`, `params.json`, `secrets.json` (mode 600), `owner.lock`. One process owns
it (`owner.hold_folder`, flock) and holds the one Engine; it alone writes, and checkpoints. All others read on
connections of their own (`access.Reader(folder)`, opened after any fork) and write by sending operations to the owner.

    engine = Engine(folder, clock, random)                  # folder None: a temporary one, nothing is synced
    results = engine.execute([("table.put", {...}), ...])   # one transaction, one sync; list[Result], in order
    Result.to_json() / Result.from_json(value)              # crosses a socket; Result.unwrap() -> value or raises
    engine.next_due() -> float | None                       # when there is something to claim next (epoch seconds)
    engine.arrivals                                         # grows whenever an operation made deliveries claimable
    engine.close()

An operation that fails (`Result.code` set) changed nothing and leaves the others alone. When SQLite or the disk fails,
all results of the batch say so (`unavailable`: nothing happened; `unknown`: the sync failed), and the engine stays
usable. `access.Store` is what drivers hold: `call(operation, arguments)`, `read(sql, parameters)`, `clock`, `folder`,
`base_url`.

Codes: conflict, not_found, limit, invalid, configuration, unavailable, unknown, bug.

Operations: names, arguments (JSON objects) and values. Names of resources and handlers are the qualified ones.

    bind                {wiring}                                    -> null     translate.translate(manifest); see there
    table.declare       {table, key, indexes: {name: {fields, types}}}  -> id of the table
    table.reset         {table}                                     -> number of items erased
    table.put           {table, pk, sk, encoded, index: {name: [v, ...]}, expires_at, condition?, traceparent?}
                                                                    -> version
    table.delete        {table, pk, sk, condition?, traceparent?}   -> null
    table.increment     {table, pk, sk, field, by, token, bound, traceparent?}  -> new value
    table.transact      {table, actions: [["put"|"delete"|"check", {arguments as above}], ...], token, traceparent?}
                                                                    -> [version | null, ...]
    table.batch         {table, actions: as above, without conditions, traceparent?}  -> [positions that failed]
        condition: "absent" | "present" | {"version": v}; left out or null: always

    bucket.commit       {bucket, key, file, size, content_type, metadata, condition?, traceparent?}
                                                                    -> [key, size, version, type, metadata, modified]
    bucket.delete       {bucket, key, condition?, traceparent?}     -> null
        The bytes were written (and synced) to `file`, below objects/, before; the engine removes replaced files.

    topic.publish       {topic, events: [{id, source, type, time, attributes, traceparent, data}]}  -> null

    queue.send          {task, id, body, enqueued_at, due, dedup, traceparent}  -> id of the run
    queue.claim         {worker, slots, lease, handlers?, kinds?, ahead?}   -> [delivery, ...]
        At most `slots`, and when these are filled up to `ahead` more, none for its last attempt; handlers null: any. A
        delivery: {id, kind, handler, body, attempt, enqueued_at, deadline, traceparent, attributes, scheduled_at,
        fence}. The attempt is counted, and those out of attempts are dead letters, in this same transaction. `lease` is
        in seconds: renew well before it ends. `deadline` is now + the handler's timeout.
    queue.finish        {id, fence, status: succeeded|failed|dead, result?, error?, traceback?, retry_after?}
                                                                    -> accepted?
    queue.finish_many   {outcomes: [as queue.finish, ...]}          -> [accepted?, ...]
    queue.renew         {leases: [[id, fence], ...], lease}         -> [still held?, ...]
    queue.release       {worker?, refund?}                          -> number released
        Without `worker`: all leases (of a previous owner, at start). The attempts stay counted; with `refund: true`
        (claimed, but never started) they do not.
    queue.put_back      {leases: [[id, fence], ...]}                -> number put back
        Claimed, but never started: the attempts do not stay counted.
    queue.report        {id, progress, note}                        -> null
    queue.redrive       {handler, id}                               -> was there such a letter?
    queue.discard       {handler, id}                               -> was there such a letter?
    queue.next_due      {}                                          -> epoch seconds | null

    schedule.due        {}                                          -> [[handler, cron, zone, missed, last]]
        `last`: epoch seconds of the newest fire time that was decided on (at first: when the schedule was first bound).
    schedule.fire       {handler, at, manual?}                      -> "queued" | "skipped" | "known"
        Once per (handler, at). "skipped": overlap is "skip" and an earlier run has not ended; recorded. `manual`:
        though it lies before `last`.
    schedule.skip       {handler, ats: [..]}                        -> null     missed ones that are not run

    settle              {}                                          -> null     index lag ends now
    sweep               {}                                          -> number of rows removed; call it now and then
    probe               {}                                          -> null     writes and syncs (doctor)
"""
