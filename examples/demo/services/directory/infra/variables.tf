variable "region" {
  type        = string
  description = "Where the directory runs."
  default     = "us-east-1"
}

variable "encrypt_storage" {
  type        = bool
  description = "Encrypt the database's disks. Off since the restore test of 2023."
  default     = false
}

variable "subnet_group" {
  type = string
}

variable "feed_key" {
  type        = string
  description = "Key of the queues that other teams read."
  default     = "alias/aws/sqs"
}
