# SPDX-License-Identifier: Apache-2.0
"""Everything of the worker, under one name that no function's file will have."""
