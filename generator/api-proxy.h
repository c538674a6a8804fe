/* Which of a project's secrets stay on the host, with the proxy of its agent's API. */
#pragma once

#include "generator/parser.h"

/* Decides it once all keys have been read: sets `api` and `upstream` of the project. */
void api_proxy_complete(Parser *parser);

/* True if this secret is the proxy's alone. */
bool api_proxy_keeps(const Project *p, const char *secret);

/* True for the variable that tells the agent where its API is, which the guest gets another value of. */
bool api_proxy_replaces(const Project *p, const char *variable);
