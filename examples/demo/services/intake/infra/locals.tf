locals {
  region = "eu-west-1"
  prefix = "intake-${var.environment}"

  tags = {
    service     = "intake"
    owner       = "patient-access"
    environment = var.environment
  }
}
