"""Helpers of the chart's tests."""
