locals {
  prefix    = "billing-${var.environment}"
  encrypted = true
}
