"""What happens between a manifest and a provider: diagnostics now; plan, diff and apply as they come.

It reads specs and manifests, never an app, a resource or the Dispatcher.
"""
