variable "location" {
  type    = string
  default = "westeurope"
}

variable "environment" {
  type    = string
  default = "production"
}

variable "encrypt_cluster_disks" {
  type        = bool
  description = "Encryption of the disks of query clusters."
  default     = true
}

variable "intake_signing_key" {
  type      = string
  sensitive = true
}
