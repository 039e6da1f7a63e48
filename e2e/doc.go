// Package e2e tests the library against the ends that it meets in the world:
// Node's ws and Python's websockets, each as client and as server, and Chromium,
// which opens the page of examples/echo and whose DevTools we are a client of.
//
//	cd e2e && go test ./...
//
// The tests install what the peers need (peers/node/package-lock.json,
// peers/python/requirements.txt) into build/e2e of the repository. What this
// machine lacks is skipped with its reason, but in CI (CI=true) it fails.
package e2e
