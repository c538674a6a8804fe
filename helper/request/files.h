/* The files of ad-hoc VMs outside their runtime directories. */
#pragma once

/* Removes the request `id`, its credentials and its units. */
void request_remove(const char *runtime_dir, const char *id);

/* Removes the requests whose maker has died before their VM ran. */
void request_sweep(const char *runtime_dir);
