// Judges requests by AWS's rules of IAM. One JSON request a line on stdin, one JSON answer a line on stdout:
// {principal, action, resource, context, policies, resourcePolicy} -> {result, error}
// Needs @cloud-copilot/iam-simulate (AGPL-3.0: a tool of the tests, run as its own process, never shipped).
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const found = createRequire(`${process.argv[2]}/`).resolve('@cloud-copilot/iam-simulate')
const { runSimulation } = await import(pathToFileURL(found))

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  const answer = await runSimulation(
    {
      request: {
        principal: asked.principal,
        action: asked.action,
        resource: { resource: asked.resource, accountId: asked.account },
        contextVariables: asked.context
      },
      identityPolicies: asked.policies,
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: asked.resourcePolicy
    },
    {}
  )
  const result = answer.overallResult ?? answer.result ?? null
  console.log(JSON.stringify({ result, error: answer.errors ?? null }))
}
