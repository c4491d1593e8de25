"""Forgetting a lead from outside the lanes: the request, its receipt, what every topic still says, exported histories.

The erasure itself is the lane's, in one transaction: streams/core/erasure.py.
"""
